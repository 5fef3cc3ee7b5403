import { expect, test } from "vitest";
import { few, placesOf } from "./spots";

const SITES = [{ name: "bergen", roots: { data: "/b" } }, { name: "oslo", roots: { data: "/o" } }];
const SPACES = [{ name: "genomes", site: "oslo", path: "/o/genomes" }, { name: "lost", site: "rome", path: "/r" }];

test("places are the spaces with the words, then the roots of the sites that were found", () => {
  expect(placesOf(SITES, SPACES).map((spot) => `${spot.site} ${spot.kind} ${spot.name}`)).toEqual(["oslo space genomes", "rome space lost", "bergen root data", "oslo root data"]);
  expect(placesOf([], SPACES, " OSLO ").map((spot) => spot.name)).toEqual(["genomes"]);
});

test("of many, the one that is meant is always among the few", () => {
  expect(few([1, 2, 3, 4], 4, 2)).toEqual([4, 1]);
  expect(few([1, 2, 3, 4], 2, 2)).toEqual([1, 2]);
  expect(few([1, 2], undefined, 5)).toEqual([1, 2]);
});
