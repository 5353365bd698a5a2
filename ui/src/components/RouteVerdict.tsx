import { Text } from "@mantine/core";
import { IconArrowRight, IconHandStop, IconHourglass, IconRoute2, IconRouteOff } from "@tabler/icons-react";
import type { Route } from "../api/types.ts";
import { words } from "../lib/format.ts";
import classes from "./RouteVerdict.module.css";

/** The outcome of a route in one line, and what would help when there is none. */
export function RouteVerdict({ route }: { route: Route }) {
  if (route.target_id) {
    return (
      <div className={classes.verdict} data-tone="good">
        <IconRoute2 size={18} stroke={1.7} aria-hidden />
        <span>
          Runs on <strong>{route.target_name ?? route.target_id}</strong>{" "}
          <span className={classes.note}>
            {words(route.type ?? "")}
            {route.score !== null && `, score ${route.score.toFixed(3)}`}
          </span>
        </span>
      </div>
    );
  }
  const Symbol = route.needs_consent ? IconHandStop : route.waits_for ? IconHourglass : IconRouteOff;
  const headline =
    route.needs_consent ??
    (route.waits_for ? `Waits for ${route.waits_for}` : "No target can take this task");
  return (
    <div className={classes.verdict} data-tone={route.needs_consent || route.waits_for ? "warn" : "bad"}>
      <Symbol size={18} stroke={1.7} aria-hidden />
      <div>
        <Text size="sm" fw={500}>
          {headline}
        </Text>
        {route.would_help.length > 0 && (
          <>
            <Text size="sm" c="dimmed" mt={4}>
              What would make it runnable
            </Text>
            <ul className={classes.help}>
              {route.would_help.map((line) => (
                <li key={line}>
                  <IconArrowRight size={13} aria-hidden /> {line}
                </li>
              ))}
            </ul>
          </>
        )}
      </div>
    </div>
  );
}
