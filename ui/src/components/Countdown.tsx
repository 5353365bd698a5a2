import { useEffect, useState } from "react";
import { timeLeft } from "../lib/countdown.ts";

/** Time left until a deadline, second by second. Not announced: a screen reader reads it when it is come to. */
export function Countdown({ until }: { until: string }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const left = timeLeft(until, now);
  return (
    <time role="timer" dateTime={until} className="numbers" title={new Date(until).toLocaleString("en")}>
      {left === null ? "time is up" : `${left} left`}
    </time>
  );
}
