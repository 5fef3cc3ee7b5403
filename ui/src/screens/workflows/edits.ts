/** Changes of a definition that leave all else of its text as it is: comments, order, and what the form does not know. */
import { Document, isCollection, isMap, isScalar, isSeq, parseDocument, type Pair, type Scalar, type YAMLSeq } from "yaml";
import { partsOf, type Language } from "./reading";

/** Where something is: `["filter_rules", 0, "action", 1, "premigrate"]`. */
export type At = readonly (string | number)[];
export type Change = (tree: Document) => void;

/** The place as the hub writes it: `filter_rules[0].action[1].premigrate`. */
export function placeOf(at: At): string {
  return at.reduce<string>((place, part) => (typeof part === "number" ? `${place}[${part}]` : place ? `${place}.${part}` : part), "");
}

/** The text with that change. */
export function edited(text: string, language: Language, change: Change): string {
  if (language === "json") {
    const tree = new Document(JSON.parse(text) as unknown);
    change(tree);
    return `${JSON.stringify(tree.toJS(), null, 2)}\n`;
  }
  const tree = parseDocument(text, { version: "1.1", prettyErrors: false });
  change(tree);
  return tree.toString({ lineWidth: 100, flowCollectionPadding: false });
}

/** A collection there, made where there is none. */
function held(tree: Document, at: At, fresh: () => object): void {
  if (!isCollection(tree.contents)) tree.contents = tree.createNode({}) as never;
  for (let depth = 1; depth <= at.length; depth += 1) {
    const part = at.slice(0, depth);
    if (isCollection(tree.getIn(part, true))) continue;
    const next = at[depth];
    tree.setIn(part, tree.createNode(depth === at.length ? fresh() : typeof next === "number" ? [] : {}));
  }
}

function listAt(tree: Document, at: At): YAMLSeq {
  held(tree, at, () => []);
  const list = tree.getIn(at, true);
  if (!isSeq(list)) throw new Error(`${placeOf(at)}: expected a list`);
  // What was written as `[]` is written line by line once something is in it.
  if (list.items.length === 0) list.flow = false;
  return list;
}

/** The same place by the keys that stand in the text: 503 is a number there, and in a place a word. */
function exact(tree: Document, at: At): At {
  let node: unknown = tree.contents;
  return at.map((part) => {
    const pair: Pair | undefined = isMap(node) ? node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part)) : undefined;
    node = pair ? pair.value : isSeq(node) && typeof part === "number" ? node.items[part] : undefined;
    return pair ? ((pair.key as Scalar).value as string | number) : part;
  });
}

/** Takes away what stands there, and a group of which nothing is left then. */
function clear(tree: Document, at: At): void {
  if (tree.hasIn(at)) tree.deleteIn(at);
  const group = at.slice(0, -1);
  const left = group.length > 0 ? tree.getIn(group, true) : undefined;
  if (typeof group.at(-1) === "string" && isMap(left) && left.items.length === 0) tree.deleteIn(group);
}

/** A value there; undefined takes it away. */
export const put = (place: At, value: unknown): Change => (tree) => {
  const at = exact(tree, place);
  if (value === undefined) return clear(tree, at);
  held(tree, at.slice(0, -1), () => ({}));
  const before = tree.getIn(at, true);
  // Only nothing at all needed its quotes.
  if (isScalar(before) && before.value === "") delete before.type;
  tree.setIn(at, typeof value === "object" && value !== null ? tree.createNode(value) : value);
};

/** One more member of a list, at that place of it. */
export const insert = (list: At, at: number, value: unknown): Change => (tree) => void listAt(tree, list).items.splice(at, 0, tree.createNode(value));

export const remove = (list: At, at: number): Change => (tree) => void listAt(tree, list).items.splice(at, 1);

/** A member of a list to another place of it. */
export const move = (list: At, from: number, to: number): Change => (tree) => {
  const { items } = listAt(tree, list);
  const [moved] = items.splice(from, 1);
  if (moved !== undefined) items.splice(to, 0, moved);
};

/** Another one like it, behind it. */
export const double = (list: At, at: number): Change => (tree) => {
  const { items } = listAt(tree, list);
  const one = items[at] as { clone?: () => unknown } | undefined;
  if (one?.clone) items.splice(at + 1, 0, one.clone());
};

/** Where a member of a list is, once one has gone from one place to another; `to` undefined: was taken away. */
function shifted(index: number, from: number, to: number | undefined): number | undefined {
  if (index === from) return to;
  const without = index > from ? index - 1 : index;
  return to !== undefined && without >= to ? without + 1 : without;
}

/** Places in and beneath a list, once a member of it was moved, or taken away. */
export function followed(places: ReadonlySet<string>, list: At, from: number, to?: number): Set<string> {
  const prefix = placeOf(list);
  const found = new Set<string>();
  for (const place of places) {
    const parts = partsOf(place);
    const index = parts[list.length];
    if (typeof index !== "number" || placeOf(parts.slice(0, list.length)) !== prefix) {
      found.add(place);
      continue;
    }
    const next = shifted(index, from, to);
    if (next !== undefined) found.add(placeOf([...list, next, ...parts.slice(list.length + 1)]));
  }
  return found;
}

/** What somebody has written, as the value that it is meant to be: a number where it is spelled as one. */
export function valueOf(text: string): string | number | undefined {
  if (text === "") return undefined;
  return text.length < 16 && String(Number(text)) === text ? Number(text) : text;
}

/** A value as somebody would write it into a field of the form. */
export const textOf = (value: unknown): string => (value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value));
