import { Tooltip } from "@mantine/core";
import { useEffect, useState } from "react";
import { ago } from "../lib/format.ts";

/** A moment as its age, kept fresh; the exact time on hover. */
export function TimeAgo({ at }: { at: string | null | undefined }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 20_000);
    return () => clearInterval(timer);
  }, []);
  if (!at) return <>–</>;
  return (
    <Tooltip label={new Date(at).toLocaleString("en", { dateStyle: "medium", timeStyle: "medium" })}>
      <time dateTime={at}>{ago(at, now)}</time>
    </Tooltip>
  );
}
