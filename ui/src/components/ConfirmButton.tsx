import { Button, Group, Popover, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import type { ReactNode } from "react";

interface Props {
  label: string;
  question: ReactNode;
  confirm: string;
  busy?: boolean;
  size?: "xs" | "sm";
  onConfirm: () => void;
}

/** A button for what cannot be undone: asks once more before it acts. */
export function ConfirmButton({ label, question, confirm, busy, size = "sm", onConfirm }: Props) {
  const [opened, { toggle, close }] = useDisclosure();
  return (
    <Popover opened={opened} onClose={close} position="bottom-end" shadow="md" width={300} trapFocus>
      <Popover.Target>
        <Button variant="default" color="red" size={size} onClick={toggle} loading={busy}>
          {label}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Text size="sm">{question}</Text>
        <Group justify="flex-end" gap={8} mt="sm">
          <Button size="xs" variant="default" onClick={close}>
            Keep it
          </Button>
          <Button
            size="xs"
            color="red"
            onClick={() => {
              close();
              onConfirm();
            }}
          >
            {confirm}
          </Button>
        </Group>
      </Popover.Dropdown>
    </Popover>
  );
}
