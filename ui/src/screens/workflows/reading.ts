/** Text of a definition, in YAML or JSON: what it says, where it is broken, and where in it a place is that the hub names. */
import { isMap, isScalar, isSeq, parseDocument, stringify, visit, type Document, type Node, type Pair } from "yaml";

export type Language = "yaml" | "json";

/** Something wrong from one character to another. */
export interface Mark {
  from: number;
  to: number;
  place: string;
  text: string;
  expected?: string;
  found?: string;
}

export interface Reading {
  /** What it says; undefined where it cannot be read. */
  value: unknown;
  marks: Mark[];
  tree: Document;
}

/** As the hub reads files: YAML 1.1, without aliases. */
export function read(text: string, language: Language): Reading {
  const tree = parseDocument(text, { version: "1.1", prettyErrors: false, strict: true });
  const marks: Mark[] = [];
  if (language === "json") {
    try {
      return { value: JSON.parse(text) as unknown, marks, tree };
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      const at = Math.min(text.length, Number(/position (\d+)/.exec(said)?.[1] ?? text.length));
      marks.push({ from: Math.max(0, at - (at === text.length ? 1 : 0)), to: Math.min(text.length, at + 1), place: "", text: `expected JSON, found another thing: ${said.replace(/ in JSON at position.*/, "")}`, expected: "JSON", found: said.replace(/ in JSON at position.*/, "") });
      return { value: undefined, marks, tree };
    }
  }
  for (const error of tree.errors) marks.push({ from: error.pos[0], to: Math.max(error.pos[0] + 1, error.pos[1]), place: "", text: `expected YAML, found a fault: ${error.message}`, expected: "YAML", found: error.message });
  visit(tree, { Alias: (_, alias) => void marks.push({ from: alias.range?.[0] ?? 0, to: alias.range?.[1] ?? 1, place: "", text: "expected a definition without aliases, found one", expected: "a definition without aliases", found: "one" }) });
  return { value: marks.length ? undefined : (tree.toJS() as unknown), marks, tree };
}

/** The parts of a place: `filter_rules[2].action[0]` → `filter_rules`, 2, `action`, 0. */
export function partsOf(place: string): (string | number)[] {
  return Array.from(place.matchAll(/\[(\d+)\]|([^.[\]]+)/g), (found) => (found[1] === undefined ? (found[2] ?? "") : Number(found[1])));
}

const span = (node: Node | null | undefined): [number, number] | undefined => (node?.range ? [node.range[0], node.range[1]] : undefined);

/** Where in the text a place is: the deepest part of it that is there, its key where what it holds is long. */
export function rangeOf(tree: Document, text: string, place: string): [number, number] {
  let node: unknown = tree.contents;
  let range: [number, number] = [0, Math.max(0, text.indexOf("\n"))];
  for (const part of partsOf(place)) {
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part));
      if (!pair) break;
      const key = span(pair.key as Node);
      const value = span(pair.value as Node | null);
      if (key) range = isScalar(pair.value) && value ? [key[0], Math.max(key[1], value[1])] : key;
      node = pair.value;
    } else if (isSeq(node) && typeof part === "number") {
      node = node.items[part];
      range = span(node as Node) ?? range;
    } else break;
  }
  const line = text.indexOf("\n", range[0]);
  const end = Math.min(range[1], line < 0 ? text.length : line, text.length);
  return [Math.min(range[0], text.length), Math.max(end, Math.min(range[0] + 1, text.length))];
}

/** A definition as text. */
export function write(value: unknown, language: Language): string {
  return language === "json" ? `${JSON.stringify(value, null, 2)}\n` : stringify(value, { version: "1.1", lineWidth: 100, aliasDuplicateObjects: false });
}

/** In which line, from one on, a character is. */
export const lineOf = (text: string, at: number): number => text.slice(0, at).split("\n").length;
