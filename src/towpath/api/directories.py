"""Directories: whose passwords are taken besides the hub's own, and what their people become here."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from towpath.api.by_directory import asking
from towpath.api.context import Caller, Hub
from towpath.api.routers import Router
from towpath.api.times import at
from towpath.domain.directories import USUAL, Directory, Ldap
from towpath.domain.providers import Admission
from towpath.domain.rights import Role
from towpath.engine import directories
from towpath.engine.directories import DirectoryView

router = Router(prefix="/api/auth/directories", tags=["people"])

GroupName = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Attribute = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern="^[A-Za-z][A-Za-z0-9;-]*$")
]
MOST_MAPPED = 1_000
LONGEST_PEM = 100_000
PEOPLE = "ou=people,dc=example,dc=org"


class LdapDirectory(BaseModel):
    """A directory that is asked by LDAP; all of it is set at once."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(default="", max_length=100, description="What it is for people; its name by default.")
    role: Role | None = Field(
        default=Role.MEMBER,
        description="Of those who are in no group of `roles`; null: they are not let in.",
    )
    roles: dict[GroupName, Role] = Field(
        default={},
        max_length=MOST_MAPPED,
        description="The directory's group and the role of those in it, set anew at each sign-in; the role that may"
        " do most counts. Empty: administrators of this hub say who is what.",
        examples=[{"hub-admins": "administrator"}],
    )
    groups: dict[GroupName, GroupName] = Field(
        default={},
        max_length=MOST_MAPPED,
        description="The directory's group and this hub's. Empty: of the same name. Groups that this hub does not"
        " have are passed over.",
        examples=[{"lab-genomics": "genomics"}],
    )
    url: str = Field(
        max_length=1000,
        description="`ldaps://HOST`, or `ldap://HOST`, where StartTLS comes before anything else.",
        examples=["ldaps://directory.example.org"],
    )
    people_base: str = Field(min_length=1, max_length=1000, examples=[PEOPLE])
    people_filter: str = Field(
        default=USUAL.people_filter,
        max_length=1000,
        description="Which entry is meant by `{name}`, which somebody has typed; exactly one must fit.",
    )
    name_attribute: Attribute = Field(
        default=USUAL.name_attribute, description="What names the user, when they come for the first time."
    )
    subject_attribute: Attribute = Field(
        default=USUAL.subject_attribute,
        description="What never changes: `entryUUID`; `objectGUID` of Active Directory.",
    )
    groups_base: str = Field(
        default="", max_length=1000, description="Beneath which groups lie; empty: none are looked at."
    )
    groups_filter: str = Field(
        default=USUAL.groups_filter,
        max_length=1000,
        description="The groups of somebody: `{dn}` is their entry's name, `{name}` their user's.",
    )
    group_attribute: Attribute = Field(default=USUAL.group_attribute, description="What names a group.")
    bind_dn: str = Field(
        default="", max_length=1000, description="As whom the hub looks people up; empty: as nobody."
    )
    ca: str = Field(
        default="",
        max_length=LONGEST_PEM,
        description="Certificates in PEM that vouch for the directory; empty: the usual authorities.",
    )

    def named(self, name: str) -> Directory:
        """The directory, under its name."""
        told = Ldap(**self.model_dump(include=set(Ldap.__dataclass_fields__)))
        return Directory(name, self.title or name, Admission(self.role, self.roles, self.groups), told)


class NewDirectory(LdapDirectory):
    """A directory with the password by which the hub looks people up."""

    bind_password: SecretStr = Field(
        default=SecretStr(""),
        max_length=1000,
        description="Of `bind_dn`; kept encrypted and never shown again.",
    )


class KnownDirectory(LdapDirectory):
    """A directory as it is set, without its password."""

    name: str = Field(examples=["lab"])
    has_password: bool
    set_by: str
    set_at: datetime

    @classmethod
    def of(cls, view: DirectoryView) -> Self:
        """The directory as the API shows it."""
        known = view.directory
        told = {name: getattr(known.settings, name) for name in Ldap.__dataclass_fields__}
        return cls(
            title=known.title,
            role=known.admission.role,
            roles=dict(known.admission.roles),
            groups=dict(known.admission.groups),
            name=known.name,
            has_password=view.has_password,
            set_by=view.made_by,
            set_at=at(view.created_at),
            **told,
        )


class KnownDirectories(BaseModel):
    """All directories by name."""

    count: int
    results: list[KnownDirectory]


@router.get("/", summary="List directories")
async def list_directories(hub: Hub) -> KnownDirectories:
    """Without the hub's passwords there."""
    found = await hub.database.read(directories.list_directories)
    return KnownDirectories(count=len(found), results=[KnownDirectory.of(view) for view in found])


@router.get("/{name}/", summary="Show a directory")
async def show_directory(name: str, hub: Hub) -> KnownDirectory:
    """Without the hub's password there."""
    return KnownDirectory.of(await hub.database.read(lambda conn: directories.get_directory(conn, name)))


@router.put("/{name}/", summary="Set a directory")
async def set_directory(name: str, body: NewDirectory, hub: Hub, caller: Caller) -> KnownDirectory:
    """A new one, or in place of the one of that name: all of it, its password too. Needs towpath[ldap] at the hub."""
    asking()
    known, secret = body.named(name), body.bind_password.get_secret_value()
    view = await hub.write(lambda tx: directories.set_directory(tx, known, secret, caller, hub.hub_key))
    return KnownDirectory.of(view)


@router.delete("/{name}/", status_code=204, summary="Remove a directory")
async def remove_directory(name: str, hub: Hub) -> None:
    """Whoever signed in by it is signed out; they stay users, and their keys open what they did."""
    await hub.write(lambda tx: directories.remove_directory(tx, name))
