import { MultiSelect, Switch, TagsInput, TextInput } from "@mantine/core";
import { useServers } from "../../api/servers.ts";
import { useProfile } from "../../api/session.ts";
import type { NewEndpoint } from "../../api/types.ts";
import classes from "./Gateway.module.css";

const SWITCHES: [keyof NewEndpoint & ("prefix" | "own_tools" | "read_only" | "search"), string][] = [
  ["prefix", "Names carry their server's"],
  ["own_tools", "The orchestrator's own tools, too"],
  ["read_only", "Only tools that change nothing"],
  ["search", "Tools are searched for, not listed"],
];

interface Props {
  value: NewEndpoint;
  change: (part: Partial<NewEndpoint>) => void;
  /** What the service found wrong, by field. */
  wrong: Record<string, string>;
  /** Its address stays as it is, and so does whose it is. */
  known?: boolean;
}

/** What an endpoint shows, and under which names. */
export function EndpointFields({ value, change, wrong, known = false }: Props) {
  const servers = useServers();
  const profile = useProfile();
  return (
    <>
      <div className={classes.form}>
        {!known && (
          <TextInput
            label="Name"
            description="Small letters, digits and -"
            placeholder="review"
            maxLength={64}
            value={value.name}
            error={wrong.name}
            onChange={(event) => change({ name: event.currentTarget.value })}
          />
        )}
        <TextInput
          label="Description"
          description="What it is for"
          maxLength={2000}
          value={value.description ?? ""}
          error={wrong.description}
          onChange={(event) => change({ description: event.currentTarget.value })}
        />
        <MultiSelect
          label="Servers"
          description="None: all of them"
          searchable
          data={(servers.data?.items ?? []).map((one) => ({ value: one.id, label: one.name }))}
          value={value.servers ?? []}
          error={wrong.servers}
          onChange={(next) => change({ servers: next })}
        />
        <TagsInput
          label="Tools"
          description="Patterns such as git__*; none: all of them"
          value={value.tools ?? []}
          error={wrong.tools}
          onChange={(next) => change({ tools: next })}
        />
      </div>
      <div className={classes.form}>
        {SWITCHES.map(([name, label]) => (
          <Switch
            key={name}
            label={label}
            checked={value[name] ?? false}
            onChange={(event) => change({ [name]: event.currentTarget.checked })}
          />
        ))}
        {!known && profile.data?.is_admin && (
          <Switch
            label="For everybody"
            checked={value.shared ?? false}
            onChange={(event) => change({ shared: event.currentTarget.checked })}
          />
        )}
      </div>
    </>
  );
}
