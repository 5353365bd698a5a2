import { useEffect } from "react";
import { Navigate } from "react-router";

/** On to a path of this service: within the console, or away from it where the service itself answers. */
export function GoTo({ path }: { path: string }) {
  const away = /^\/(api|oauth)\//.test(path);
  useEffect(() => {
    if (away) window.location.replace(path);
  }, [away, path]);
  return away ? null : <Navigate to={path} replace />;
}
