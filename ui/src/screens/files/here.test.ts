import { expect, test } from "vitest";
import { ofSpaces } from "./here";

test("members know a site by the spaces that they see there, which is where ways down begin", () => {
  const spaces = [{ name: "tides", site: "oslo", path: "/o/tides" }, { name: "maps", site: "bergen", path: "/b/maps" }, { name: "genomes", site: "oslo", path: "/o/genomes" }];
  expect(ofSpaces(spaces).map((site) => [site.name, site.tops, site.roots])).toEqual([
    ["bergen", { maps: "/b/maps" }, {}],
    ["oslo", { tides: "/o/tides", genomes: "/o/genomes" }, {}],
  ]);
  expect(ofSpaces([])).toEqual([]);
});
