import { describe, expect, test } from "vitest";
import { apart, meantBy } from "./meant";

const ALL = ["read", "run", "administer", "own"];
const links = (path: string, rights = ALL): string[] => meantBy(path, rights).map((one) => one.href);

describe("an address at which nothing is", () => {
  test("comes near to screens whose name has a slip or two", () => {
    expect(links("/job")).toEqual(["/jobs"]);
    expect(links("/Wrokflows")).toEqual(["/workflows"]);
    expect(links("/dashbord")).toEqual([]);
    expect(links("/queues")).toEqual(["/sites"]);
    expect(links("/users")).toEqual(["/people"]);
    expect(links("/account")).toEqual(["/profile"]);
  });
  test("goes on to the thing that it names", () => {
    expect(links("/site/oslo")).toEqual(["/sites/oslo", "/sites"]);
    expect(links("/jobs/12/paths/more")).toEqual(["/jobs/12", "/jobs"]);
    expect(links("/job/first")).toEqual(["/jobs"]);
    expect(links("/task/7")).toEqual(["/tasks/7"]);
    expect(meantBy("/4711", ALL)[0]?.label).toBe("Job 4711");
    expect(links("/workflow/a%20b")).toEqual(["/workflows/a%20b", "/workflows"]);
  });
  test("leads nowhere that its reader may not see, nor to itself", () => {
    expect(links("/audits", ["own"])).toEqual([]);
    expect(links("/sites/oslo/", ALL)).toEqual(["/sites"]);
    expect(links("/%E0%A4%A")).toEqual([]);
    expect(links("/")).toEqual([]);
  });
});

test("letters that are swapped count once", () => {
  expect([apart("jbos", "jobs"), apart("sites", "sites"), apart("", "abc"), apart("kitten", "sitting")]).toEqual([1, 0, 3, 3]);
});
