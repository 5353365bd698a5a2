import classes from "./CapabilityTags.module.css";

/** A capability as a short word: its name, and its version unless that is the first. */
export function capabilityLabel(capability: unknown): string {
  if (typeof capability === "string") return capability;
  const { name, version, min_version } = capability as {
    name?: string;
    version?: string;
    min_version?: string;
  };
  const least = min_version ? ` ≥ ${min_version}` : "";
  return `${name ?? "?"}${version && version !== "1" ? ` ${version}` : ""}${least}`;
}

/** Capabilities as small tags; the rest is counted when there are many. */
export function CapabilityTags({
  capabilities,
  limit = 12,
}: {
  capabilities: readonly unknown[];
  limit?: number;
}) {
  const shown = capabilities.slice(0, limit);
  const rest = capabilities.slice(limit);
  return (
    <span className={classes.tags}>
      {shown.map((capability) => (
        <span key={capabilityLabel(capability)} className={classes.tag}>
          {capabilityLabel(capability)}
        </span>
      ))}
      {rest.length > 0 && (
        <span className={classes.more} title={rest.map(capabilityLabel).join(", ")}>
          +{rest.length}
        </span>
      )}
    </span>
  );
}
