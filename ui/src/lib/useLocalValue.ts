import { useLocalStorage } from "@mantine/hooks";

/** A value remembered in this browser, under the console's own prefix. */
export function useLocalValue<T>(key: string, defaultValue: T) {
  return useLocalStorage<T>({ key: `orchestrator.${key}`, defaultValue, getInitialValueInEffect: false });
}
