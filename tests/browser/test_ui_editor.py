"""The editor of workflows in a real browser: two views of one definition, and which rule takes a path."""

import json
import re
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.browser.looks import violations
from tests.browser.place import PATIENCE, Place, choose, enter, faults_of, fill, page_of, pretty

expect.set_options(timeout=PATIENCE)
# What colours and indents the code is read in slices of time, of which each is found to be over.
HURRIED: Final = """() => {
  const now = Date.now.bind(Date);
  let late = 0;
  Date.now = () => now() + (late += 1000);
  window.requestIdleCallback = () => 0;
  window.rested = () => (Date.now = now);
}"""
SORTED: Final[dict[str, Any]] = {
    "name": "sorted",
    "icon_classes": ["fa fa-cloud"],
    "filter_rules": [
        {
            "type": "file",
            "state": "all",
            "include": ["*.dat"],
            "action": [{"name": "checksum"}, {"name": "migrate", "on_error": {"ESTALE": "transient"}}],
        },
        {"type": "directory", "state": "all", "action": [{"name": "noop"}]},
        {"type": "all", "state": "default", "action": [{"name": "noop"}]},
    ],
}


def edit(browser: Browser, here: Place, name: str, scheme: str = "light", width: int = 1440) -> Page:
    """The editor with a workflow of that name, in its form."""
    here.http.post("/api/workflows/", json={**SORTED, "name": name}).raise_for_status()
    page = page_of(browser, scheme, width)
    enter(page, here, f"/workflows/{name}/edit")
    expect(rule(page, 1)).to_be_visible()
    expect(page.locator("[data-valid=true]")).to_be_visible()
    return page


def rule(page: Page, number: int) -> Locator:
    return page.locator(f"[data-rule='{number - 1}']")


def steps(page: Page, number: int) -> Locator:
    """The names of the steps of a rule."""
    return rule(page, number).locator("[aria-expanded] strong")


def put_in(inside: Locator, name: str, glob: str) -> None:
    """One more glob."""
    box = inside.get_by_role("combobox", name=name, exact=True)
    box.fill(glob)
    box.press("Enter")


def look(page: Page, view: str) -> None:
    page.get_by_role("radiogroup", name="View").get_by_text(view, exact=True).click()


def kept(here: Place, name: str) -> Any:
    return here.http.get(f"/api/workflows/{name}/").raise_for_status().json()["definition"]


def test_a_workflow_is_made_in_the_form_alone(browser: Browser, here: Place) -> None:
    here.http.post("/api/workflows/", json={**SORTED, "name": "taken"}).raise_for_status()
    page = page_of(browser)
    enter(page, here, "/define")
    page.get_by_role("textbox", name="Name").fill("taken")
    expect(page.get_by_role("button", name="Save as version 2 of taken")).to_be_visible()
    page.get_by_role("textbox", name="Name").fill("formed")
    page.get_by_role("button", name="Add a field").click()
    field = page.locator("[data-place='fields[0]']")
    field.get_by_label("Name").fill("keep")
    field.get_by_label("Takes").select_option("bool")
    page.get_by_role("button", name="Remove rule 1").click()
    page.get_by_role("button", name="Add a rule").last.click()
    first = rule(page, 1)
    put_in(first, "Like", "*.dat")
    for name in ("checksum", "migrate"):
        first.get_by_role("combobox", name="Add a step").fill(name)
        page.get_by_role("option", name=re.compile(f"^{name}")).click()
        expect(steps(page, 1).last).to_have_text(name)
    first.get_by_role("combobox", name=re.compile("^premigrate")).select_option("as asked: keep")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("formed")
    made = kept(here, "formed")
    assert [one["name"] for one in made["fields"]] == ["keep"]
    assert made["filter_rules"] == [
        {
            "type": "file",
            "state": "all",
            "include": ["*.dat"],
            "action": [{"name": "checksum"}, {"name": "migrate", "premigrate": "*keep"}],
        }
    ]
    assert faults_of(page) == []
    page.context.close()


def test_both_views_are_of_one_definition_and_nothing_that_the_form_does_not_know_is_lost(
    browser: Browser, here: Place
) -> None:
    page = edit(browser, here, "twofold")
    look(page, "Code")
    code = page.get_by_label("Definition")
    expect(code).to_contain_text("icon_classes:")
    page.get_by_text("label:").click()
    page.keyboard.press("Home")
    page.keyboard.type("# Ask Ana first.\n")
    look(page, "Form")
    page.get_by_role("textbox", name="Label").fill("Seen in the form")
    rule(page, 2).get_by_role("combobox", name="Of state").fill("created")
    look(page, "Code")
    for line in ("# Ask Ana first.", "label: Seen in the form", "ESTALE: transient", "state: created"):
        expect(code).to_contain_text(line)
    page.get_by_role("radiogroup", name="Language").get_by_text("JSON", exact=True).click()
    expect(code).to_contain_text('"label": "Seen in the form"')
    page.get_by_text('"Seen in the form"').click()
    page.keyboard.press("End")
    for _ in range(len('form",')):
        page.keyboard.press("Backspace")
    page.keyboard.type('code",')
    look(page, "Form")
    expect(page.get_by_role("textbox", name="Label")).to_have_value("Seen in the code")
    page.get_by_role("button", name="Save as version 2").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("twofold")
    made = kept(here, "twofold")
    assert (made["label"], made["icon_classes"]) == ("Seen in the code", ["fa fa-cloud"])
    assert made["filter_rules"][0] == SORTED["filter_rules"][0]
    assert made["filter_rules"][1]["state"] == "created"
    page.context.close()


def test_a_new_line_stands_below_its_step_though_the_code_was_not_read_so_far_yet(
    browser: Browser, here: Place
) -> None:
    page = edit(browser, here, "hurried")
    page.evaluate(HURRIED)
    look(page, "Code")
    page.get_by_text("name: checksum").click()
    page.evaluate("window.rested()")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.type("queue: night")
    page.get_by_role("button", name="Save as version 2").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("hurried")
    assert kept(here, "hurried")["filter_rules"][0]["action"][0] == {"name": "checksum", "queue": "night"}
    page.context.close()


def test_what_the_hub_finds_wrong_stands_beside_what_it_is_about(browser: Browser, here: Place) -> None:
    page = edit(browser, here, "mended")
    put_in(rule(page, 1), "Not like", "a//b")
    expect(rule(page, 1)).to_contain_text("No path has an empty part")
    rule(page, 1).get_by_role("button", name=re.compile("Step 2: migrate")).click()
    rule(page, 1).get_by_label("stub_size").fill("many")
    expect(rule(page, 1)).to_contain_text(re.compile("Expected .*, found 'many'"))
    expect(page.get_by_role("button", name="Save as version 2")).to_be_disabled()
    rule(page, 1).get_by_role("button", name=re.compile("Step 2: migrate")).click()
    expect(rule(page, 1)).to_contain_text("1 problem")
    page.get_by_role("region", name="Problems").get_by_role("button", name=re.compile("stub_size")).click()
    expect(rule(page, 1).get_by_label("stub_size")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("4096")
    expect(rule(page, 1)).not_to_contain_text("found 'many'")
    page.get_by_role("button", name="Undo").click()
    expect(rule(page, 1).get_by_label("stub_size")).not_to_have_value("4096")
    look(page, "Code")
    page.get_by_text("name: checksum").click()
    page.keyboard.press("Home")
    page.keyboard.type("]")
    look(page, "Form")
    expect(page.get_by_text("The code cannot be read")).to_be_visible()
    assert faults_of(page) == []
    page.context.close()


def test_how_errors_are_borne_and_what_a_discovery_takes_is_said_in_the_form(
    browser: Browser, here: Place
) -> None:
    page = edit(browser, here, "borne")
    about = page.get_by_role("region", name="About")
    about.get_by_label("skip_missing").select_option("true")
    about.get_by_role("button", name="When something fails").press("Enter")
    name = about.get_by_role("combobox", name="Give an error a class")
    for said in ("503", "EBUZY"):
        name.fill(said)
        name.press("Enter")
        expect(about.get_by_label(f"Class of {said}")).to_be_focused()
    expect(about).to_contain_text(re.compile("Unknown error 'EBUZY', did you mean"))
    about.get_by_role("button", name="Remove EBUZY").press("Enter")
    expect(name).to_be_focused()
    about.get_by_label("Class of 503").select_option("no_space")
    about.get_by_label("tries", exact=True).fill("0")
    expect(about).to_contain_text("Expected at least 1, found 0")
    about.get_by_label("tries", exact=True).fill("9")
    rule(page, 1).get_by_role("button", name=re.compile("Step 2: migrate")).click()
    rule(page, 1).get_by_role("button", name=re.compile("When something fails.*ESTALE: transient")).click()
    rule(page, 1).get_by_role("button", name="Remove ESTALE").click()
    look(page, "Code")
    for line in ("skip_missing: true", '"503": no_space', "tries: 9"):
        expect(page.get_by_label("Definition")).to_contain_text(line)
    page.get_by_role("button", name="Save as version 2").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("borne")
    made = kept(here, "borne")
    assert (made["discovery_options"], made["patience"]) == ({"skip_missing": True}, {"tries": 9})
    assert made["on_error"] == {"503": "no_space"}
    assert made["filter_rules"][0]["action"][1] == {"name": "migrate"}
    assert faults_of(page) == []
    page.context.close()


def test_rules_and_steps_are_moved_by_the_keyboard_and_by_dragging(browser: Browser, here: Place) -> None:
    page = edit(browser, here, "moved")
    # All of it in sight: what is dragged here is not scrolled.
    page.set_viewport_size({"width": 1440, "height": 2000})
    down = rule(page, 1).get_by_role("button", name="Move step 1, checksum down")
    down.focus()
    page.keyboard.press("Enter")
    expect(steps(page, 1)).to_have_text(["migrate", "checksum"])
    # Where the step has gone, there the keyboard is.
    expect(page.get_by_role("button", name="Move step 2, checksum down")).to_be_focused()
    expect(page.get_by_text("Step 1 is step 2 now")).to_be_attached()
    handles = rule(page, 1).locator("ol [draggable=true]")
    handles.nth(1).drag_to(rule(page, 1).locator("ol > li").first, target_position={"x": 60, "y": 4})
    expect(steps(page, 1)).to_have_text(["checksum", "migrate"])
    rule(page, 3).locator("[draggable=true]").first.drag_to(rule(page, 1), target_position={"x": 60, "y": 4})
    expect(steps(page, 1)).to_have_text(["noop"])
    page.get_by_role("button", name="Save as version 2").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("moved")
    first, second, third = SORTED["filter_rules"]
    assert kept(here, "moved")["filter_rules"] == [third, first, second]
    page.context.close()


def test_the_rule_that_takes_a_path_lights_up_while_the_definition_changes(
    browser: Browser, here: Place
) -> None:
    data = fill(here.hub.site("oslo") / "sorted", 2)
    page = edit(browser, here, "lit")
    page.get_by_label("Path to try").fill("survey/a.dat")
    expect(page.locator("[data-said=takes]")).to_have_count(1)
    expect(rule(page, 1)).to_have_attribute("data-said", "takes")
    expect(rule(page, 2)).to_contain_text("Takes no files")
    expect(rule(page, 3)).to_contain_text("asked later")
    put_in(rule(page, 1), "Not like", "survey/**")
    expect(page.get_by_role("status").filter(has_text="Rule 3 takes it.")).to_be_visible()
    expect(rule(page, 1)).to_contain_text("Leaves out what is like survey/**")
    # As it stands at a site: a node says that it is a directory.
    choose(page, "Where", "oslo")
    page.get_by_label("Path to try").fill(str(data))
    expect(page.get_by_role("status").filter(has_text="Rule 2 takes it.")).to_be_visible()
    page.get_by_label("Path to try").fill(f"{data}/none")
    expect(page.get_by_text("nothing is at")).to_be_visible()
    assert faults_of(page) == []
    page.context.close()


def test_a_workflow_is_tried_dry_on_a_directory_from_its_page(browser: Browser, here: Place) -> None:
    data = fill(here.hub.site("oslo") / "trial", 3)
    here.http.post("/api/workflows/", json={**SORTED, "name": "trial"}).raise_for_status()
    page = page_of(browser)
    enter(page, here, "/workflows/trial")
    page.get_by_label("Path to try").fill("survey/a.dat")
    expect(page.locator("[data-rule='0'][data-said=takes]")).to_be_visible()
    page.get_by_role("button", name="Dry run").click()
    dialog = page.get_by_role("dialog")
    choose(dialog, "Site", "oslo")
    dialog.get_by_role("combobox", name="Directory").fill(str(data))
    dialog.get_by_role("button", name="Look").click()
    dialog.get_by_role("button", name="Dry run").click()
    expect(dialog.locator("[data-foreseen=true]")).to_contain_text("4 paths would be taken")
    assert violations(page) == []
    assert sorted(path.stat().st_blocks > 0 for path in data.iterdir()) == [True] * 3
    page.context.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_the_editor_has_no_fault_that_axe_finds_in_either_view(
    browser: Browser, here: Place, scheme: str, width: int
) -> None:
    page = edit(browser, here, "axed", scheme, width)
    page.get_by_label("Path to try").fill("survey/a.txt")
    expect(page.locator("[data-said=takes]")).to_have_count(1)
    rule(page, 1).get_by_role("button", name=re.compile("Step 2: migrate")).click()
    rule(page, 1).get_by_label("stub_size").fill("many")
    for fails in page.get_by_role("button", name="When something fails").all():
        fails.click()
    expect(page.get_by_label("Class of ESTALE")).to_be_visible()
    expect(page.locator("[data-valid=false]")).to_be_visible()
    found = {"form": violations(page)}
    look(page, "Code")
    expect(page.get_by_label("Definition")).to_be_visible()
    found["code"] = violations(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it is too wide"
    assert {view: some for view, some in found.items() if some} == {}, pretty(found)
    assert faults_of(page) == [], json.dumps(faults_of(page))
    page.context.close()
