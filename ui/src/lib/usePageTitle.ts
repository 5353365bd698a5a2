import { useDocumentTitle } from "@mantine/hooks";

/** Name the browser's tab after the page. */
export function usePageTitle(title: string): void {
  useDocumentTitle(`${title} · Orchestrator`);
}
