import { useDebouncedValue } from "@mantine/hooks";
import { useMemo, useState } from "react";
import { useProjects } from "../api/projects.ts";
import type { NewTask, TaskType } from "../api/types.ts";
import { NO_WISHES, type Wishes, wishesOf } from "./taskWishes.ts";

export interface DraftValues extends Wishes {
  type: string;
  title: string;
  project: string | null;
  input: string;
  capabilities: string[];
  priority: number;
  heavy: boolean;
  target: string;
}

export interface TaskDraft {
  values: DraftValues;
  set: (change: Partial<DraftValues>) => void;
  pickType: (type: TaskType) => void;
  /** What keeps the input from being read, or null. */
  inputError: string | null;
  /** The task to send, or null while the input cannot be read; settles a moment after typing. */
  task: NewTask | null;
}

/** A task while it is being described: raw values, and the task they make. */
export function useTaskDraft(types: TaskType[], project: string | null, type: string | null): TaskDraft {
  const projects = useProjects();
  const first = types.find((each) => each.name === type) ?? types[0];
  const [values, setValues] = useState<DraftValues>(() => ({
    ...NO_WISHES,
    title: "",
    project,
    ...startOf(first),
  }));
  const only = projects.data?.items.length === 1 ? (projects.data.items[0]?.project_id ?? null) : null;
  const effective = useMemo(() => ({ ...values, project: values.project ?? only }), [values, only]);
  const [settled] = useDebouncedValue(effective, 250);
  const read = useMemo(() => readInput(settled.input), [settled.input]);
  const task = useMemo(() => (read.input ? taskOf(settled, read.input) : null), [settled, read]);
  return {
    values: effective,
    set: (change) => setValues((now) => ({ ...now, ...change })),
    pickType: (picked) => setValues((now) => ({ ...now, ...startOf(picked) })),
    inputError: read.error,
    task: settled === effective ? task : null,
  };
}

/** What a type brings along; everything else a person entered stays. */
function startOf(
  type: TaskType | undefined,
): Pick<DraftValues, "type" | "input" | "capabilities" | "priority" | "heavy" | "target"> {
  return {
    type: type?.name ?? "",
    input: JSON.stringify(type?.example ?? {}, null, 2),
    capabilities: [],
    priority: 0,
    heavy: type?.heavy ?? false,
    target: "",
  };
}

function readInput(text: string): { input: Record<string, unknown> | null; error: string | null } {
  try {
    const input: unknown = JSON.parse(text.trim() || "{}");
    if (typeof input !== "object" || input === null || Array.isArray(input)) {
      return { input: null, error: "The input must be a JSON object: { … }" };
    }
    return { input: input as Record<string, unknown>, error: null };
  } catch (error) {
    return { input: null, error: error instanceof Error ? error.message : "This is not JSON" };
  }
}

function taskOf(values: DraftValues, input: Record<string, unknown>): NewTask | null {
  if (!values.type) return null;
  return {
    type: values.type,
    input,
    project_id: values.project,
    required_capabilities: values.capabilities,
    priority: values.priority,
    is_heavy: values.heavy,
    ...(values.title.trim() ? { title: values.title.trim() } : {}),
    ...wishesOf(values),
    ...(values.target ? { preferred_target: values.target } : {}),
  };
}
