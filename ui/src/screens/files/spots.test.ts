import { expect, test } from "vitest";
import { few, fitting, placesOf } from "./spots";

const SITES = [{ name: "bergen", roots: { data: "/b" } }, { name: "oslo", roots: { data: "/o" } }];
const SPACES = [{ name: "genomes", site: "oslo", path: "/o/genomes" }, { name: "lost", site: "rome", path: "/r" }];

test("places go by site, spaces before roots, and those of no site that is seen are left out", () => {
  expect(placesOf(SITES, SPACES).map((spot) => `${spot.site} ${spot.kind} ${spot.name}`)).toEqual(["bergen root data", "oslo space genomes", "oslo root data"]);
});

test("a place fits where all words stand in its name, site or directory", () => {
  const spots = placesOf(SITES, SPACES);
  expect(fitting(spots, "OSLO gen").map((spot) => spot.name)).toEqual(["genomes"]);
  expect(fitting(spots, " ")).toBe(spots);
});

test("of many, the one that is meant is always among the few", () => {
  expect(few([1, 2, 3, 4], 4, 2)).toEqual([4, 1]);
  expect(few([1, 2, 3, 4], 2, 2)).toEqual([1, 2]);
  expect(few([1, 2], undefined, 5)).toEqual([1, 2]);
});
