import { Group, MultiSelect, NumberInput, Select, Stack, Textarea } from "@mantine/core";
import { useAgents } from "../../api/agents.ts";
import { Fold } from "../../components/Fold.tsx";
import type { DraftValues, TaskDraft } from "../../lib/useTaskDraft.ts";

interface Props {
  draft: TaskDraft;
  fields: Record<string, string>;
}

/** When a task counts as done, what it may use, and how often it is tried: out of the way until somebody wants it. */
export function WishesForm({ draft, fields }: Props) {
  const { values, set } = draft;
  const agents = useAgents();
  const authors = (agents.data?.items ?? []).filter((agent) => agent.changes_code && agent.kind !== "team");
  return (
    <Fold label="Proof, budget and tries">
      <Stack gap={16} pt={12}>
        <Textarea
          label="It is done when these commands end well"
          description="One a line, no shell. They run on the change merged with the present base; without proof it is not completed."
          placeholder={"python3 -m pytest -q\npython3 -m compileall -q ."}
          classNames={{ input: "mono" }}
          autosize
          minRows={2}
          value={values.commands}
          error={fields.acceptance}
          onChange={(event) => set({ commands: event.currentTarget.value })}
        />
        <Group grow align="flex-start">
          <Cap
            label="Dollars at most"
            name="money"
            values={values}
            set={set}
            error={fields["budget.money"]}
            decimals
          />
          <Cap
            label="Tokens at most"
            name="tokens"
            values={values}
            set={set}
            error={fields["budget.tokens"]}
          />
        </Group>
        <MultiSelect
          label="Tried side by side by"
          description="Each in a tree of its own; you choose among the proved results."
          placeholder={values.tryBy.length ? "" : "Nobody: it is done once"}
          data={authors.map((agent) => ({ value: agent.id, label: agent.name }))}
          clearable
          searchable
          value={values.tryBy}
          error={fields.tries}
          onChange={(tryBy) => set({ tryBy })}
        />
        {values.tryBy.length > 0 && (
          <Group grow align="flex-start">
            <NumberInput
              label="How many tries"
              description="Empty: one for each, two for one alone"
              min={2}
              max={16}
              value={values.tryCount}
              onChange={(count) => set({ tryCount: count === "" ? "" : Number(count) })}
            />
            <Select
              label="Who chooses"
              description="The proof takes the smallest proved change"
              data={[
                { value: "person", label: "A person" },
                { value: "proof", label: "The proof" },
              ]}
              allowDeselect={false}
              value={values.tryChoose}
              onChange={(choose) => set({ tryChoose: choose === "proof" ? "proof" : "person" })}
            />
          </Group>
        )}
      </Stack>
    </Fold>
  );
}

interface CapProps {
  label: string;
  name: "money" | "tokens";
  values: DraftValues;
  set: TaskDraft["set"];
  error?: string;
  decimals?: boolean;
}

function Cap({ label, name, values, set, error, decimals = false }: CapProps) {
  return (
    <NumberInput
      label={label}
      description="Over all attempts; there it pauses and asks"
      placeholder="No limit"
      min={0}
      allowDecimal={decimals}
      thousandSeparator=","
      value={values[name]}
      error={error}
      onChange={(value) => set({ [name]: value === "" ? "" : Number(value) })}
    />
  );
}
