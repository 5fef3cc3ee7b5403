/** What the hub finds wrong, beside what it is about. */
import { partsOf } from "./reading";

interface Fault {
  place: string;
  text: string;
}

/** What is wrong at a place, or beneath it. */
export const within = <F extends Fault>(faults: readonly F[], place: string): F[] => faults.filter((fault) => fault.place === place || (fault.place.startsWith(place) && ".[".includes(fault.place.charAt(place.length))));

/** What is wrong at a place itself. */
export const exactly = <F extends Fault>(faults: readonly F[], place: string): F[] => faults.filter((fault) => fault.place === place);

/** Faults as one sentence. */
export const told = (faults: readonly Fault[]): string | undefined => faults.map((fault) => fault.text.slice(0, 1).toUpperCase() + fault.text.slice(1)).join("; ") || undefined;

/** A place and all that it lies in, the nearest first: where to look for what shows it. */
export function outward(place: string): string[] {
  const found: string[] = [];
  const parts = partsOf(place);
  for (let many = parts.length; many > 0; many -= 1) found.push(parts.slice(0, many).reduce<string>((text, part) => (typeof part === "number" ? `${text}[${part}]` : text ? `${text}.${part}` : String(part)), ""));
  return found;
}
