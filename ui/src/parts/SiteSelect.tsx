/** A choice of a site among any number: the hub finds those with the words that are typed. */
import { Select, type SelectProps } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { siteNamesQuery } from "~/api/queries";

/** Milliseconds without a key, after which is asked. */
export const TYPED = 200;

interface Choice extends Omit<SelectProps, "data" | "value" | "onChange" | "searchValue" | "onSearchChange" | "searchable"> {
  value: string | null | undefined;
  choose: (site: string | null) => void;
}

export function SiteSelect({ value, choose, ...more }: Choice) {
  const [words, setWords] = useState("");
  const [typed] = useDebouncedValue(words, TYPED);
  const found = useQuery(siteNamesQuery(typed === value ? "" : typed)).data?.results ?? [];
  const names = [...new Set([...(value ? [value] : []), ...found.map((site) => site.name)])];
  return <Select searchable searchValue={words} onSearchChange={setWords} data={names} value={value || null} onChange={choose} nothingFoundMessage="No such site" clearButtonProps={{ "aria-label": "No site" }} {...more} />;
}
