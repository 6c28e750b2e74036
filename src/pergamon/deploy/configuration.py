"""Reads a whole configuration and checks all of it before anything starts; every fault is found, not only the first.

pergamon.yaml and the files it names -> trees with places -> placeholders filled -> typed documents -> names ->
references -> resources as the rooms want them. Nothing here looks at the installation: the same files always give the
same configuration.
"""

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pergamon.deploy.documents.base import Declared, Desired, Document, ModuleType
from pergamon.deploy.documents.top import HookCommand, ModuleEntry, TagFile, Top, words_of
from pergamon.deploy.merge import merged
from pergamon.deploy.placeholders import Scalar, Surroundings, filled
from pergamon.deploy.problems import InvalidConfiguration, KeyPath, Place, Problem, did_you_mean
from pergamon.deploy.references import Home, meaning
from pergamon.deploy.registry import COMING, MODULE_TYPES
from pergamon.deploy.validation import validated
from pergamon.deploy.yaml_document import LARGEST_BYTES, Node, read_yaml

TOP_FILE = "pergamon.yaml"


@dataclass(frozen=True)
class Hook:
    """A command around a module's steps."""

    argv: tuple[str, ...]
    exit_if_fail: bool
    timeout_s: int


@dataclass(frozen=True)
class Module:
    """One module, read and checked."""

    domain: str
    env: str
    name: str
    type: ModuleType
    files: tuple[str, ...]
    node: Node
    document: Document
    resources: tuple[Desired, ...]
    tags: dict[str, str]
    needs: frozenset[str]
    """Labels of modules whose resources this one refers to."""
    predeploy: Hook | None
    postdeploy: Hook | None

    @property
    def label(self) -> str:
        return f"{self.domain}/{self.env}/{self.name}"

    def place_of(self, desired: Desired) -> Place:
        return self.node.place_of(desired.path)


@dataclass(frozen=True)
class Configuration:
    """A whole configuration. Modules stand in the order in which they are deployed."""

    folder: Path
    organization: str
    modules: tuple[Module, ...]

    @property
    def deployments(self) -> tuple[str, ...]:
        """`organization/domain/environment`, each once."""
        return tuple(dict.fromkeys(f"{self.organization}/{module.domain}/{module.env}" for module in self.modules))


@dataclass
class _Found:
    """A module on its way through the checks."""

    domain: str
    env: str
    name: str
    path: KeyPath
    entry: ModuleEntry
    type: ModuleType
    node: Node
    document: Document
    tags: dict[str, str]
    needs: set[str] = field(default_factory=set)


@dataclass
class _Reading:
    folder: Path
    problems: list[Problem] = field(default_factory=list)
    organization: str = ""
    context: dict[str, Scalar] = field(default_factory=dict)
    unread: set[tuple[str, str]] = field(default_factory=set)
    """Domains and environments with a module that could not be read: what is missing there may only be unread."""

    def around(self, domain: str, env: str) -> Surroundings:
        return Surroundings(self.organization, domain, env, self.context, TOP_FILE)


def load_configuration(folder: Path, *, domain: str | None = None, env: str | None = None) -> Configuration:
    """Read the configuration in `folder`, or only one domain or environment of it.

    Raises:
        InvalidConfiguration: with every problem that was found.
    """
    reading = _Reading(folder.absolute())
    top, problems = read_yaml(reading.folder / TOP_FILE, TOP_FILE)
    reading.problems += problems
    if top is None:
        raise InvalidConfiguration(reading.problems)
    _read_surroundings(reading, top)
    top = _with_filled_modules(reading, top)
    validated(Top, top, reading.problems)
    found = [item for item in _modules(reading, top) if domain in (None, item.domain) and env in (None, item.env)]
    names = _names(reading, found)
    modules = [_finished(reading, item, names) for item in found]
    ordered = _in_order(reading, modules)
    if not modules and not reading.problems:
        reading.problems.append(Problem(top.place, ("domains",), "there is no module to deploy", "see `pergamon ls`"))
    if reading.problems:
        raise InvalidConfiguration(reading.problems)
    return Configuration(reading.folder, reading.organization, tuple(ordered))


def _read_surroundings(reading: _Reading, top: Node) -> None:
    """Organization and context first: every other value may speak of them."""
    items = top.value if isinstance(top.value, dict) else {}
    organization = items.get("organization")
    if organization is not None and isinstance(organization.value, str):
        reading.organization = organization.value
    context = items.get("context")
    if context is not None and isinstance(context.value, dict):
        for name, node in context.value.items():
            if isinstance(node.value, str) and "{{" in node.value:
                message = "a context value is written out: it may not hold a placeholder"
                reading.problems.append(Problem(node.place, ("context", name), message))
            if not isinstance(node.value, dict | list):
                reading.context[name] = node.value


def _with_filled_modules(reading: _Reading, top: Node) -> Node:
    """The tree with the placeholders of every module entry filled, each with its own domain and environment."""

    def below(node: Node, keys: tuple[str, ...], path: tuple[str, ...]) -> Node:
        if not keys:
            return filled(node, reading.around(path[1], path[3]), reading.problems, path)
        if not isinstance(node.value, dict):
            return node
        wanted = node.value if keys[0] == "*" else [keys[0]]
        changed = {key: below(node.value[key], keys[1:], (*path, key)) for key in wanted if key in node.value}
        return Node({**node.value, **changed}, node.place)

    return below(top, ("domains", "*", "environments", "*", "modules", "*"), ())


def _modules(reading: _Reading, top: Node) -> Iterator[_Found]:
    shared_tags = _tag_files(reading, _below(top, "tag_configs"), ("tag_configs",))
    for domain, domain_node in _items(_below(top, "domains")):
        for env, env_node in _items(_below(domain_node, "environments")):
            for name, node in _items(_below(env_node, "modules")):
                path = ("domains", domain, "environments", env, "modules", name)
                found = _module(reading, node, path, shared_tags, domain=domain, env=env, name=name)
                if found is None:
                    reading.unread.add((domain, env))
                else:
                    yield found


def _module(
    reading: _Reading, node: Node, path: KeyPath, shared_tags: list[Node], *, domain: str, env: str, name: str
) -> _Found | None:
    around = reading.around(domain, env)
    scratch: list[Problem] = []  # what the entry's own types find was already found from the top
    entry = validated(ModuleEntry, node, scratch, path)
    if entry is None:
        return None
    tags = _tags(
        reading, [*shared_tags, *_tag_files(reading, _below(node, "tag_configs"), (*path, "tag_configs"))], around
    )
    kind = _module_type(reading, entry, node, path)
    trees = [tree for tree in _config_files(reading, node, path) if tree is not None]
    if kind is None or len(trees) != len(entry.module_configs):
        return None
    tree = filled(merged(trees, reading.problems), around, reading.problems)
    document = validated(kind.document, tree, reading.problems)
    if document is None:
        return None
    return _Found(domain, env, name, path, entry, kind, tree, document, tags)


def _module_type(reading: _Reading, entry: ModuleEntry, node: Node, path: KeyPath) -> ModuleType | None:
    kind = MODULE_TYPES.get(entry.module_type)
    if kind is None:
        place = node.place_of(("module_type",))
        if entry.module_type in COMING:
            message, hint = f"the module type `{entry.module_type}` is not there yet", "remove the module for now"
        else:
            message = f"there is no module type `{entry.module_type}`"
            hint = did_you_mean(entry.module_type, list(MODULE_TYPES), what="module types")
        reading.problems.append(Problem(place, (*path, "module_type"), message, hint))
    return kind


def _config_files(reading: _Reading, node: Node, path: KeyPath) -> list[Node | None]:
    listed = _below(node, "module_configs")
    items = listed.value if listed is not None and isinstance(listed.value, list) else []
    return [_file(reading, item, (*path, "module_configs", index)) for index, item in enumerate(items)]


def _file(reading: _Reading, item: Node, path: KeyPath) -> Node | None:
    name = str(item.value)
    inside = _inside(reading, name, item.place, path)
    if inside is None:
        return None
    if not inside.exists():
        hint = "create it, or correct the name; names are relative to pergamon.yaml"
        reading.problems.append(Problem(item.place, path, f"there is no file {name}", hint))
        return None
    node, problems = read_yaml(inside, _shown(name))
    reading.problems += problems
    return None if problems else node


def _inside(reading: _Reading, name: str, place: Place, path: KeyPath) -> Path | None:
    """The file that a name means, inside the configuration's directory, whatever links say."""
    file = (reading.folder / name).resolve()
    if not file.is_relative_to(reading.folder.resolve()):
        message = f"{name} lies outside the directory of pergamon.yaml"
        reading.problems.append(Problem(place, path, message, "copy it into the directory"))
        return None
    return file


def _shown(name: str) -> str:
    return name.removeprefix("./")


def _tag_files(reading: _Reading, listed: Node | None, path: KeyPath) -> list[Node]:
    items = listed.value if listed is not None and isinstance(listed.value, list) else []
    trees = [_file(reading, item, (*path, index)) for index, item in enumerate(items)]
    return [tree for tree in trees if tree is not None]


def _tags(reading: _Reading, trees: list[Node], around: Surroundings) -> dict[str, str]:
    if not trees:
        return {}
    tree = filled(merged(trees, reading.problems), around, reading.problems)
    document = validated(TagFile, tree, reading.problems)
    return dict(document.tags) if document else {}


def _names(reading: _Reading, found: list[_Found]) -> dict[tuple[str, str, str, str], Home]:
    """Every declared name, and a problem for each that two modules claim: one installation has each name once."""
    names: dict[tuple[str, str, str, str], Home] = {}
    claimed: dict[tuple[str, str], Place] = {}
    for item in found:
        for declared in item.type.declares(item.document):
            place = item.node.place_of(declared.path)
            first = claimed.setdefault((declared.kind, declared.name), place)
            if first is not place and (first != place or declared.path == ()):
                message = f"the {declared.kind} `{declared.name}` is already declared at {first}"
                hint = "rename one; to deploy one environment of several, add `--env NAME`"
                reading.problems.append(Problem(place, declared.path, message, hint))
                continue
            home = Home(item.domain, item.env, item.name, declared, place)
            names[item.domain, item.env, declared.kind, declared.name] = home
    return names


@dataclass
class _Scope:
    """What a translation sees: its own module, and every name of the configuration."""

    reading: _Reading
    item: _Found
    names: dict[tuple[str, str, str, str], Home]

    @property
    def folder(self) -> Path:
        return self.reading.folder

    def resolve(self, reference: str, kind: str, path: KeyPath, *, trusted: str = "", first: bool = True) -> str:
        found = meaning(reference, kind, self.item.domain, self.item.env, self.names)
        if found.home is None and (found.domain, self.item.env) not in self.reading.unread:
            self.problem(path, found.message, found.hint)
        elif found.home is not None:
            if first:
                self._refer(found.home)
            self._check_trust(found.home.declared, trusted, path)
        return found.name

    def _refer(self, home: Home) -> None:
        label = f"{home.domain}/{home.env}/{home.module}"
        if label != f"{self.item.domain}/{self.item.env}/{self.item.name}":
            self.item.needs.add(label)

    def _check_trust(self, role: Declared, trusted: str, path: KeyPath) -> None:
        if trusted and role.trusted != trusted:
            hint = f"give it another role, or write `trustedPrincipal: {trusted}` at the role"
            self.problem(path, f"the role `{role.name}` is for a {role.trusted}, this is a {trusted}", hint)

    def problem(self, path: KeyPath, message: str, hint: str = "") -> None:
        self.reading.problems.append(Problem(self.item.node.place_of(path), path, message, hint))

    def read_file(self, name: str, path: KeyPath) -> str:
        file = _inside(self.reading, name, self.item.node.place_of(path), path)
        if file is None:
            return ""
        try:
            state = file.stat()
            if not stat.S_ISREG(state.st_mode):  # a pipe would be waited for
                self.problem(path, f"{name} is not a plain file")
                return ""
            if state.st_size > LARGEST_BYTES:
                self.problem(path, f"{name} is larger than {LARGEST_BYTES} bytes")
                return ""
            return file.read_text(encoding="utf-8")
        except FileNotFoundError:
            self.problem(path, f"there is no file {name}", "names are relative to pergamon.yaml")
        except (OSError, UnicodeDecodeError) as error:
            self.problem(path, f"{name} cannot be read as UTF-8 text ({type(error).__name__})")
        return ""


def _finished(reading: _Reading, item: _Found, names: dict[tuple[str, str, str, str], Home]) -> Module:
    resources = tuple(item.type.translate(item.document, _Scope(reading, item, names)))
    return Module(
        domain=item.domain,
        env=item.env,
        name=item.name,
        type=item.type,
        files=tuple(_shown(name) for name in item.entry.module_configs),
        node=item.node,
        document=item.document,
        resources=resources,
        tags=item.tags,
        needs=frozenset(item.needs),
        predeploy=_hook(item.entry.predeploy),
        postdeploy=_hook(item.entry.postdeploy),
    )


def _hook(command: HookCommand | None) -> Hook | None:
    if command is None:
        return None
    return Hook(tuple(words_of(command.command)), command.exit_if_fail, command.timeout_s)


def _in_order(reading: _Reading, modules: list[Module]) -> list[Module]:
    """What is referred to comes first; otherwise the order of the document."""
    waiting, done, ordered = list(modules), set[str](), list[Module]()
    while waiting:
        ready = next((module for module in waiting if module.needs <= done), None)
        if ready is None:
            labels = ", ".join(module.label for module in waiting)
            place = Place(TOP_FILE, 1)
            message = f"these modules refer to each other in a circle: {labels}"
            reading.problems.append(
                Problem(place, ("domains",), message, "move what is shared into a module of its own")
            )
            break
        waiting.remove(ready)
        ordered.append(ready)
        done.add(ready.label)
    return ordered


def _below(node: Node | None, key: str) -> Node | None:
    return node.value.get(key) if node is not None and isinstance(node.value, dict) else None


def _items(node: Node | None) -> list[tuple[str, Node]]:
    return list(node.value.items()) if node is not None and isinstance(node.value, dict) else []


__all__ = ["Configuration", "Hook", "Module", "load_configuration"]
