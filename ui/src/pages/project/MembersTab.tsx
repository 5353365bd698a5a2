import { ActionIcon, Button, Group, Select, Table, TextInput, Tooltip } from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import { useState } from "react";
import { useMembers, useRemoveMember, useSetMember } from "../../api/projects.ts";
import type { Project, Role } from "../../api/types.ts";
import { Panel } from "../../components/Panel.tsx";
import { ProblemAlert } from "../../components/ProblemAlert.tsx";
import classes from "./MembersTab.module.css";

const ROLES = [
  { value: "viewer", label: "Viewer: reads" },
  { value: "member", label: "Member: runs tasks" },
  { value: "admin", label: "Admin: changes the project" },
];

/** Who may do what in a project. */
export function MembersTab({ project }: { project: Project }) {
  const members = useMembers(project.project_id);
  const set = useSetMember(project.project_id);
  const remove = useRemoveMember(project.project_id);
  const admin = project.role === "admin";
  return (
    <Panel title="Members" flush>
      <ProblemAlert error={members.error ?? set.error ?? remove.error} />
      <Table>
        <Table.Tbody>
          {(members.data?.items ?? []).map((member) => (
            <Table.Tr key={member.user_id}>
              <Table.Td>
                <div className={classes.name}>{member.display_name || member.email}</div>
                {member.display_name && <div className={classes.email}>{member.email}</div>}
              </Table.Td>
              <Table.Td w={240}>
                <Select
                  aria-label={`Role of ${member.email}`}
                  size="xs"
                  data={ROLES}
                  disabled={!admin}
                  value={member.role}
                  allowDeselect={false}
                  onChange={(role) => role && set.mutate({ email: member.email, role: role as Role })}
                />
              </Table.Td>
              <Table.Td w={60}>
                {admin && (
                  <Tooltip label="Remove">
                    <ActionIcon
                      variant="subtle"
                      color="gray"
                      aria-label={`Remove ${member.email}`}
                      onClick={() => remove.mutate(member.user_id)}
                    >
                      <IconTrash size={16} stroke={1.6} />
                    </ActionIcon>
                  </Tooltip>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {admin && <AddMember onAdd={(email, role) => set.mutateAsync({ email, role })} busy={set.isPending} />}
    </Panel>
  );
}

function AddMember({
  onAdd,
  busy,
}: {
  onAdd: (email: string, role: Role) => Promise<unknown>;
  busy: boolean;
}) {
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<Role>("member");
  return (
    <form
      className={classes.add}
      onSubmit={(event) => {
        event.preventDefault();
        onAdd(email.trim(), role).then(
          () => setEmail(""),
          () => undefined, // told above the table
        );
      }}
    >
      <Group gap={8} align="flex-end">
        <TextInput
          label="Add somebody by e-mail"
          description="They need an account here"
          type="email"
          flex={1}
          miw={200}
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
        <Select
          aria-label="Role"
          data={ROLES}
          value={role}
          allowDeselect={false}
          onChange={(next) => next && setRole(next as Role)}
        />
        <Button type="submit" variant="default" disabled={!email.trim()} loading={busy}>
          Add
        </Button>
      </Group>
    </form>
  );
}
