"""What of a contract is broken by another one: whoever kept to the old one must not notice the new one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
VERBS = ("get", "post", "put", "patch", "delete")
DEEPEST = 8
"""Members are compared down to that depth: schemas may hold themselves."""


@dataclass(frozen=True)
class _Side:
    """One of the two documents."""

    document: Schema

    def plain(self, schema: Schema) -> list[Schema]:
        """The alternatives that a schema allows, without references."""
        if "$ref" in schema:
            found: Any = self.document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            return self.plain(found)
        for joined in ("anyOf", "allOf"):
            if joined in schema:
                return [one for part in schema[joined] for one in self.plain(part)]
        return [schema]

    def kinds(self, schema: Schema) -> set[str]:
        """The types that it allows; none means any."""
        found: set[str] = set()
        for one in self.plain(schema):
            said = one.get("type", "any")
            found.update([said] if isinstance(said, str) else said)
        return set() if "any" in found else found

    def values(self, schema: Schema) -> set[str]:
        """The values that it allows, where it lists them."""
        alternatives = [one for one in self.plain(schema) if one.get("type") != "null"]
        if any("enum" not in one and "const" not in one for one in alternatives):
            return set()
        return {str(value) for one in alternatives for value in one.get("enum", [one.get("const")])}

    def members(self, schema: Schema) -> dict[str, Schema]:
        """The members of the objects that it allows."""
        return {k: v for one in self.plain(schema) for k, v in one.get("properties", {}).items()}

    def needed(self, schema: Schema) -> set[str]:
        """Those that each of the objects must have."""
        found = [set(one.get("required", ())) for one in self.plain(schema) if "properties" in one]
        return set.intersection(*found) if found else set()

    def rows(self, schema: Schema) -> Schema | None:
        """What the lists that it allows are made of."""
        return next((one["items"] for one in self.plain(schema) if "items" in one), None)


@dataclass(frozen=True)
class _Pair:
    """A schema before and after."""

    old: _Side
    new: _Side

    def taken(self, place: str, before: Schema, after: Schema, depth: int = 0) -> Iterator[str]:
        """What callers may send no longer."""
        if depth > DEEPEST:
            return
        now, kinds = self.new.kinds(after), self.old.kinds(before)
        if now and (not kinds or kinds - now - ({"integer"} if "number" in now else set())):
            yield f"{place}: took {_words(kinds)}, takes {_words(now)}"
        values = self.new.values(after)
        if values and (gone := (self.old.values(before) or {"any text"}) - values):
            yield f"{place}: takes {_words(gone)} no longer"
        members, present = self.old.members(before), self.new.members(after)
        for name in sorted(members):
            if name not in present:
                yield f"{place}.{name}: is taken no longer"
            else:
                yield from self.taken(f"{place}.{name}", members[name], present[name], depth + 1)
        for name in sorted(self.new.needed(after) - self.old.needed(before)):
            yield f"{place}.{name}: is needed now"
        mine, theirs = self.old.rows(before), self.new.rows(after)
        if mine is not None and theirs is not None:
            yield from self.taken(f"{place}[]", mine, theirs, depth + 1)

    def given(self, place: str, before: Schema, after: Schema, depth: int = 0) -> Iterator[str]:
        """What callers rely on in answers, and get no longer."""
        if depth > DEEPEST:
            return
        now, kinds = self.new.kinds(after), self.old.kinds(before)
        if kinds and (not now or now - kinds):
            yield f"{place}: was {_words(kinds)}, is {_words(now)}"
        members, present = self.old.members(before), self.new.members(after)
        for name in sorted(members):
            if name not in present:
                yield f"{place}.{name}: is given no longer"
            else:
                yield from self.given(f"{place}.{name}", members[name], present[name], depth + 1)
        for name in sorted((self.old.needed(before) - self.new.needed(after)) & set(present)):
            yield f"{place}.{name}: may be missing now"
        mine, theirs = self.old.rows(before), self.new.rows(after)
        if mine is not None and theirs is not None:
            yield from self.given(f"{place}[]", mine, theirs, depth + 1)


def _words(values: set[str]) -> str:
    return " or ".join(sorted(values)) or "anything"


def breaks(old: Schema, new: Schema) -> list[str]:
    """Each thing that an old caller would stumble over, by its place."""
    pair = _Pair(_Side(old), _Side(new))
    found: list[str] = []
    for path, verbs in old["paths"].items():
        # What a parameter of a path is called is nobody's business but the document's.
        after = new["paths"].get(path)
        if after is None:
            found.append(f"{path}: is no more")
            continue
        for verb in VERBS:
            if verb in verbs and verb not in after:
                found.append(f"{verb.upper()} {path}: is no more")
            elif verb in verbs:
                found += _operation(pair, f"{verb.upper()} {path}", verbs[verb], after[verb])
    return found


def _operation(pair: _Pair, place: str, before: Schema, after: Schema) -> Iterator[str]:
    yield from _parameters(pair, place, before, after)
    asked, asks = before.get("requestBody"), after.get("requestBody")
    if asks is not None and asks.get("required") and not (asked or {}).get("required"):
        yield f"{place}: needs a body now"
    if asked is not None:
        if asks is None:
            yield f"{place}: takes no body any more"
        else:
            yield from pair.taken(f"{place} body", _json(asked), _json(asks))
    for status, answer in before["responses"].items():
        if status.startswith("2"):
            if status not in after["responses"]:
                yield f"{place}: answers {status} no longer"
            else:
                now = _json(after["responses"][status])
                yield from pair.given(f"{place} {status}", _json(answer), now)


def _parameters(pair: _Pair, place: str, before: Schema, after: Schema) -> Iterator[str]:
    old, new = ({(p["in"], p["name"]): p for p in side.get("parameters", ())} for side in (before, after))
    for key, parameter in old.items():
        if key[0] == "path":
            continue
        if key not in new:
            yield f"{place} {key[1]}: is taken no longer"
        else:
            yield from pair.taken(f"{place} {key[1]}", parameter["schema"], new[key]["schema"])
    for key, parameter in new.items():
        if parameter.get("required") and not old.get(key, {}).get("required") and key[0] != "path":
            yield f"{place} {key[1]}: is needed now"


def _json(said: Schema) -> Schema:
    schema: Schema = said.get("content", {}).get("application/json", {}).get("schema", {})
    return schema
