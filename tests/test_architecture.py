"""The rules of the house that a machine can hold: layers, circles, rooms, sizes, docstrings.

The package is never imported here: its source is read as text, so an import inside a function counts like
one at the top of a file. `LAYERS` and `TOKENS` are the rules; docs/architecture.md gives their reasons. The
tests of the rules come first, then the checker that they share, then tests that the checker can fail.
"""

import ast
import graphlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "ptychograd"

# A room is a folder of the package. It imports from rooms of strictly lower layers and from itself.
LAYERS = (
    ("core",),
    ("physics", "data"),
    ("models", "fitting"),
    ("refinement",),
    ("runs",),
    ("quality",),
    ("automatic",),
    ("output",),
    ("paper",),
    ("cli",),
    ("__main__",),
)
LAYER = {room: layer for layer, rooms in enumerate(LAYERS) for room in rooms}
FACE = "__init__"  # the public names, `ptychograd` itself: only the commands, which stand above it, import it
TABLES = ("docs/architecture.md", "CONTRIBUTING.md")  # pages that repeat LAYERS for the reader


DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


class Token(NamedTuple):
    """Where names that match a pattern may be used: in a room, a module, or one function (`room.module:function`)."""

    what: str
    names: str
    allowed: tuple[str, ...]
    instead: str


# Names are complete, whatever the file calls them: `jnp.fft.fft2` is read as `jax.numpy.fft.fft2`.
TOKENS = (
    Token(
        "a Fourier transform",
        r"(^|\.)i?r?fft(2|n|freq|shift)?(\.|$)",
        ("core.fourier", "runs.benchmark"),
        "call `core.fourier`",
    ),
    Token(
        "a batch axis", r"(^|\.)(filter_)?vmap$", ("physics.batching:batched",), "call `batched` of `physics.batching`"
    ),
    Token("compilation", r"(^|\.)(filter_)?jit$", ("fitting.epoch", "runs.benchmark"), "return a pure function"),
    Token("placing arrays", r"(^|\.)device_put$", ("fitting.epoch",), "leave arrays where they are"),
    Token("HDF5", r"^(h5py|hdf5plugin)(\.|$)", ("data.files", "fitting.result"), "read and save through those two"),
    Token("drawing", r"^matplotlib(\.|$)", ("output", "paper.figures"), "return arrays; `output.plot` draws them"),
    Token("printing", r"(^|\.)print$|^rich(\.|$)", ("cli",), "return the text, or take a callback"),
    Token(
        "making random keys",
        r"(^|\.)random\.(split|fold_in|key|PRNGKey)$|^PRNGKey$",
        ("fitting.schedule", "models.simulation", "cli"),
        "take a key as an argument",
    ),
    Token("settings of the process", r"^jax\.config(\.|$)", ("cli",), "a library changes nothing around it"),
    Token("pickle", r"^c?[Pp]ickle(\.|$)|^allow_pickle=True$", (), "files must not run code"),
    Token("running text as code", r"^(builtins\.)?(eval|exec)$", (), "look the name up in a table"),
    Token("assert", r"^assert$", (), "raise InputError with a sentence that says how to mend it"),
    Token("catching everything", r"^except( (Base)?Exception)?$", (), "name the error that can happen"),
)

# Where parameters are in the package's own models is known here alone; others have roles, or ask `physics.paths`.
PARTS = ("object", "probe", "scan", "detector", "propagator")  # the fields of these models
AT_HOME_WITH_PATHS = ("physics", "models")
OTHER_WORDS = {
    "object.tiff": "the name of a file, in an example of a command",
}  # texts that look like a path and are none; sentences with a blank in them, as messages and examples, are left alone

# Where a kind of the package's own may be asked for, and why; everywhere else kinds answer for themselves.
BORDERS = {
    "what a person handed in": "automatic/auto data/dataset/making data/dataset/variables output/sweeps "
    "fitting/projections fitting/reconstruction/task models/effects/objects models/recipes/given runs/plan/importing "
    "runs/plan/start runs/plan/whole runs/run runs/search_space runs/stage runs/many",
    "what a person's own class gave": "automatic/few_photons fitting/solvers/base physics/checks physics/hints "
    "physics/model physics/promise physics/role_checks physics/roles",
    "what a file says": "data/contents data/dataset/stored data/files/formats/items data/files/formats/master "
    "data/files/placing data/files/writing/trees fitting/result/roles",
    "nodes of a tree, of a model or a plan": "core/parameters runs/plan/requirements runs/plan/walking "
    "refinement/positions/beams models/effects/common models/effects/detectors fitting/solvers/derivatives",
    "a result, or the error in its place": "cli/console runs/searches runs/sweeps",
    "a stream that is replaced for a while": "cli/engine",
    "a guess that has more to say": "data/preparation/guesses",
    "equations that hold for these kinds alone": "fitting/solvers/closed_form refinement/calibration "
    "refinement/stage_actions models/continuing/start models/effects/positions",
    "two forms of one state, which never mix": "fitting/solvers/moving fitting/solvers/scale_gauge",
    "a search, whose rounds other stages leave alone": "runs/stages",
}
OWN_KINDS_ASKED = {f"{path}.py": why for why, paths in BORDERS.items() for path in paths.split()}

MOST_LINES_OF_A_FILE = 300  # docstrings are not counted, there or in a function: no one is to save words
MOST_LINES_OF_A_FUNCTION = 40
MOST_POSITIONAL_ARGUMENTS = 7  # `self` is not counted


# The rules ------------------------------------------------------------------------------------------------


def test_every_file_stands_in_a_room():
    unknown = sorted({source.room for source in SOURCES} - LAYER.keys() - {FACE})
    assert not unknown, f"Give {unknown} a layer: in LAYERS of this test and in the tables of {TABLES}."


def test_every_room_says_what_it_is_for():
    none_of(
        f"{source.path} has no docstring"
        for source in SOURCES
        if not ast.get_docstring(source.tree) and source.path != "core/version.py"
    )


def test_names_inside_a_room_have_no_underscore():
    none_of(source.path for source in SOURCES if re.search(r"(^|/)_[a-z]", source.path))


@pytest.mark.parametrize("page", TABLES)
def test_the_pages_show_the_same_layers(page):
    rows = re.findall(r"^\| (\d+) \| ([^|]*)", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    shown = [(room, int(layer)) for layer, rooms in rows for room in re.findall(r"`(\w+)", rooms)]
    assert sorted(shown) == sorted(LAYER.items())


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/*.md")), ids=lambda page: page.name)
def test_no_page_says_a_line_twice(page):
    lines = [line for line in page.read_text(encoding="utf-8").splitlines() if len(line) > 60]
    none_of(line for line, times in Counter(lines).items() if times > 1)


def test_imports_point_down_the_layers():
    none_of(line for source in SOURCES for line in wrong_arrows(source))


def test_no_imports_run_in_a_circle():
    none_of(circle(SOURCES))


def test_every_token_stays_in_its_room():
    none_of(line for source in SOURCES for line in strangers(source))


def test_files_and_functions_fit_the_eye():
    none_of(line for source in SOURCES for line in too_large(source))


def test_every_public_name_has_a_docstring():
    stub = ROOT / "src" / PACKAGE / "__init__.pyi"
    if not stub.exists():
        pytest.skip("there are no public names yet")
    none_of(undocumented(Source("__init__.pyi", stub.read_text(encoding="utf-8")), SOURCES))


def test_tests_replace_no_inner_name():
    """They witness what a user sees; what is replaced is the world around: a clock, a disk, free memory."""
    none_of(line for source in TESTS for line in replaced_inner_names(source))


def test_paths_of_parameters_stand_with_the_models():
    """The other rooms ask for roles; what they say of a result they say of one of a person's own model."""
    none_of(line for source in SOURCES for line in paths_elsewhere(source))


def test_kinds_answer_for_themselves():
    kinds = own_kinds(SOURCES)
    asked = {source.path: list(kinds_asked(source, kinds)) for source in SOURCES}
    none_of(line for path, lines in asked.items() if path not in OWN_KINDS_ASKED for line in lines)
    none_of(f"{path} asks for no kind: leave it out of OWN_KINDS_ASKED" for path in OWN_KINDS_ASKED if not asked[path])


def none_of(complaints: Iterator[str]):
    """Fail with all complaints at once, one a line."""
    found = list(dict.fromkeys(complaints))
    assert not found, "\n" + "\n".join(found)


# The checker ----------------------------------------------------------------------------------------------


class Source:
    """One file of the package: its path below `src/ptychograd` and its text."""

    def __init__(self, path: str, text: str):
        self.path, self.text, self.tree = path, text, ast.parse(text)
        parts = path.removesuffix(".pyi").removesuffix(".py").split("/")
        self.room, self.place = parts[0], ".".join(parts).removesuffix(".__init__")
        self.folder = (PACKAGE, *parts[:-1])
        self.name = ".".join((PACKAGE, *parts)).removesuffix(".__init__")

    def at(self, node: ast.AST) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)}"

    @cached_property
    def imports(self) -> list[tuple[ast.AST, str, str]]:
        """Every import, lazy ones too, as (node, complete name, name in this file)."""
        found = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [(node, a.name, a.asname or a.name.partition(".")[0]) for a in node.names]
            elif isinstance(node, ast.ImportFrom):
                above = self.folder[: len(self.folder) - node.level + 1] if node.level else ()
                base = ".".join((*above, *filter(None, [node.module])))
                found += [(node, f"{base}.{a.name}", a.asname or a.name) for a in node.names]
            elif isinstance(node, ast.Call) and dotted(node.func).endswith(("import_module", "__import__")):
                names = [a.value for a in node.args[:1] if isinstance(a, ast.Constant)]
                found += [(node, f"{PACKAGE}{name}" if name.startswith(".") else name, "") for name in names]
        return found

    @cached_property
    def meaning(self) -> dict[str, str]:
        """What a name of this file stands for: `jnp` for `jax.numpy`; `import jax.numpy` binds only `jax`."""
        return {local: whole if whole.split(".")[0] != local else local for _, whole, local in self.imports}


def dotted(node: ast.AST) -> str:
    """`a.b.c` of an expression, with `?` for a part that is no name (`f(x).at`); "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    return f"{dotted(node.value) or '?'}.{node.attr}" if isinstance(node, ast.Attribute) else ""


def wrong_arrows(source: Source) -> Iterator[str]:
    """Imports of the package that don't point to a lower layer."""
    layer = LAYER.get(source.room, len(LAYERS))
    for node, whole, _ in source.imports:
        package, _, inside = whole.partition(".")
        target = inside.partition(".")[0]
        if package != PACKAGE or target == source.room or source.room == FACE:
            continue
        if target in LAYER and LAYER[target] >= layer:
            yield f"{source.at(node)}: layer {layer} imports `{target}` of layer {LAYER[target]}"
        if target not in LAYER and source.room != "cli":
            yield f"{source.at(node)}: import from the module that defines it, not from `{PACKAGE}` itself"


def circle(sources: list[Source]) -> Iterator[str]:
    """The first circle of imports among files, if there is one."""
    known = {source.name for source in sources}
    graph = {source.name: {file_of(whole, known) for _, whole, _ in source.imports} for source in sources}
    try:
        graphlib.TopologicalSorter({file: to - {file, None} for file, to in graph.items()}).prepare()
    except graphlib.CycleError as error:
        yield "a circle of imports: " + " <- ".join(error.args[1])


def file_of(whole: str, known: set[str]) -> str | None:
    """The file a complete name lives in: `ptychograd.fitting.stopping` for `ptychograd.fitting.stopping.Settled`."""
    while whole and whole not in known:
        whole = whole.rpartition(".")[0]
    return whole or None


class Uses(ast.NodeVisitor):
    """Every name that a file uses, complete, with its place: `physics.model`, or `physics.batching:batched`."""

    def __init__(self, source: Source):
        self.source, self.scope = source, []
        self.found = [(node, whole, f"{source.place}:import") for node, whole, _ in source.imports]
        self.visit(source.tree)

    def add(self, node: ast.AST, name: str):
        root, dot, rest = name.partition(".")
        self.found.append((node, self.source.meaning.get(root, root) + dot + rest, self.here))

    @property
    def here(self) -> str:
        return ":".join(filter(None, (self.source.place, ".".join(self.scope))))

    def inside(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        self.scope.append(node.name)
        self.generic_visit(node)
        self.scope.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = inside

    def visit_Name(self, node: ast.Name):
        self.add(node, node.id)

    def visit_Attribute(self, node: ast.Attribute):
        self.add(node, dotted(node))
        if dotted(node).startswith("?"):
            self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword):
        if isinstance(node.value, ast.Constant) and node.value.value is True:
            self.add(node.value, f"{node.arg}=True")
        self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert):
        self.add(node, "assert")
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler):
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        for kind in caught:
            self.add(node, f"except {dotted(kind)}" if kind else "except")
        self.generic_visit(node)


def strangers(source: Source) -> Iterator[str]:
    """Names used outside the room they belong to; what the package itself defines may be called anywhere."""
    for node, name, place in Uses(source).found:
        for token in TOKENS:
            ours = name.startswith(f"{PACKAGE}.")
            if not ours and re.search(token.names, name) and not at_home(place, token.allowed):
                where = ", ".join(token.allowed) or "nowhere"
                yield f"{source.at(node)}: `{name}` is {token.what}: allowed in {where}; {token.instead}"


def at_home(place: str, allowed: tuple[str, ...]) -> bool:
    """Whether a place lies in an allowed one; the module of an allowed function may import what it needs."""
    homes = [home.partition(":")[0] for home in allowed] if place.endswith(":import") else allowed
    return any(re.match(rf"{re.escape(home)}([.:]|$)", place) for home in homes)


def too_large(source: Source) -> Iterator[str]:
    """Files and functions beyond the size that fits the eye."""
    said = sum(docstring_lines(node) for node in ast.walk(source.tree) if isinstance(node, DOCUMENTED))
    lines = len(source.text.splitlines()) - said
    if lines > MOST_LINES_OF_A_FILE:
        yield f"{source.path}: {lines} lines, at most {MOST_LINES_OF_A_FILE}: which concept hides in it?"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = length(node) - docstring_lines(node)
            if lines > MOST_LINES_OF_A_FUNCTION:
                yield f"{source.at(node)}: {node.name}: {lines} lines, at most {MOST_LINES_OF_A_FUNCTION}"
            arguments = [a.arg for a in node.args.posonlyargs + node.args.args if a.arg not in ("self", "cls")]
            if len(arguments) > MOST_POSITIONAL_ARGUMENTS:
                most = f"at most {MOST_POSITIONAL_ARGUMENTS}: make the rare ones keyword-only"
                yield f"{source.at(node)}: {node.name}: {len(arguments)} positional arguments, {most}"


def docstring_lines(node) -> int:
    return length(node.body[0]) if ast.get_docstring(node) is not None else 0


def length(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def undocumented(stub: Source, sources: list[Source]) -> Iterator[str]:
    """Public functions, classes and modules without a docstring, where the source shows their making."""
    files = {source.name: source for source in sources}
    for _, whole, _ in stub.imports:
        found = definition(whole, files)
        if found is not None and not ast.get_docstring(found):
            yield f"{whole} is public and has no docstring"


def definition(whole: str, files: dict[str, Source]) -> ast.Module | ast.FunctionDef | ast.ClassDef | None:
    """Where a complete name is defined; follows a folder that passes a name on."""
    if whole in files:
        return files[whole].tree
    home, _, name = whole.rpartition(".")
    if home not in files:
        return None
    for node in files[home].tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return node
    onward = [target for _, target, local in files[home].imports if local == name and target != whole]
    return definition(onward[0], files) if onward else None


def paths_elsewhere(source: Source) -> Iterator[str]:
    """Texts that are the path of a parameter, or begin as one, or are given to an option; docstrings may have them."""
    if source.room in AT_HOME_WITH_PATHS:
        return
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or node.value in OTHER_WORDS:
            continue
        if re.fullmatch(rf"(--refine )?({'|'.join(PARTS)})\.[\w.]*", node.value):
            yield f"{source.at(node)}: `{node.value}` is a path: ask for a role, or `physics.paths` for its name"


def own_kinds(sources: list[Source]) -> dict[str, set[str]]:
    """The classes that the package defines, each with those that it is made of."""
    found = {
        node.name: {dotted(base).rpartition(".")[2] for base in node.bases}
        for source in sources
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
    }
    return {kind: set(above(kind, found)) for kind in found}


def above(kind: str, bases: dict[str, set[str]]) -> Iterator[str]:
    """What a class is made of, and what that is made of."""
    for base in bases.get(kind, set()) - {kind}:
        yield base
        yield from above(base, bases)


def kinds_asked(source: Source, kinds: Iterable[str]) -> Iterator[str]:
    """Where a file asks whether something is of one of these kinds."""
    for node in ast.walk(source.tree):
        if not (isinstance(node, ast.Call) and dotted(node.func) == "isinstance" and len(node.args) == 2):
            continue
        names = [dotted(part) for part in ast.walk(node.args[1]) if isinstance(part, ast.Name | ast.Attribute)]
        for kind in sorted({name.rpartition(".")[2] for name in names} & set(kinds)):
            yield f"{source.at(node)}: asks for `{kind}`: let it answer, by a property or a method that all kinds have"


REPLACING = ("setattr", "delattr", "setitem", "delitem", "patch", "object")  # of monkeypatch, of mock, of Python
INNER = re.compile(r"(^|\.)_(?!_)")  # a name with one leading underscore, there or at the end of a path


def replaced_inner_names(source: Source) -> Iterator[str]:
    """Where a test replaces a name with a leading underscore that is no other library's.

    Written as a text, as an attribute and its name, or by an assignment. The first name of a path is the test's own,
    as in `from ptychograd.runs import many as _many`.
    """
    for node in ast.walk(source.tree):
        for found in replaced_by(node):
            root, _, inner = found.partition(".")
            home = source.meaning.get(root, PACKAGE).partition(".")[0]
            if home == PACKAGE and INNER.search(inner):
                yield f"{source.at(node)}: `{found}` is replaced: show what a user sees of it"


def replaced_by(node: ast.AST) -> Iterator[str]:
    """What this part of a program replaces, as a path; of texts all that are the path of something in the package."""
    if isinstance(node, ast.Constant) and re.fullmatch(rf"{PACKAGE}(\.\w+)+", str(node.value)):
        yield str(node.value)
    elif isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] in REPLACING and node.args:
        names = [a.value for a in node.args[1:2] if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        yield ".".join((dotted(node.args[0]) or "?", *names))
    elif isinstance(node, ast.Assign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from (dotted(target) for target in targets if not dotted(target).startswith(("self.", "cls.")))


SOURCES = [
    Source(path.relative_to(ROOT / "src" / PACKAGE).as_posix(), path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "src" / PACKAGE).rglob("*.py"))
]
TESTS = [
    Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "tests").rglob("*.py"))
]


# The checker can fail -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("physics/noise.py", "from ..fitting.epoch import one_epoch"),
        ("physics/noise.py", "from ptychograd import fitting"),
        ("physics/noise.py", "from ..data.dataset import Dataset"),  # the same layer is not a lower one
        ("physics/noise.py", "def nll():\n    import ptychograd.runs.run"),  # lazy
        ("physics/noise.py", "import importlib\nimportlib.import_module('ptychograd.fitting')"),
        ("fitting/solvers/pie.py", "from ...runs.run import perform"),
        ("fitting/loop.py", "import ptychograd as pg"),  # the face
    ],
)
def test_a_wrong_arrow_is_found(path, text):
    assert len(list(wrong_arrows(Source(path, text)))) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("physics/noise.py", "import jax\nfrom ..core.fourier import fft"),
        ("core/fourier.py", "from .errors import InputError"),
        (
            "fitting/solvers/pie.py",
            "from . import base\nfrom .base import step\nfrom ...physics.batching import batched",
        ),
        ("cli/main.py", "import ptychograd as pg"),
    ],
)
def test_a_right_arrow_is_left_alone(path, text):
    assert not list(wrong_arrows(Source(path, text)))


def test_a_circle_is_found():
    pie = Source("solvers/pie.py", "from .base import step")
    base = Source("solvers/base.py", "def step():\n    from . import pie")
    assert "solvers.pie" in next(circle([pie, base]))
    assert not list(circle([pie]))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("physics/scan.py", "import jax.numpy as jnp\njnp.fft.fft2(x)"),
        ("data/dataset.py", "from numpy.fft import fftshift"),
        ("physics/objects.py", "import jax\njax.vmap(f)"),
        ("physics/batching.py", "import jax\ndef other():\n    jax.vmap(f)"),  # the right module, the wrong function
        ("physics/batching.py", "import equinox as eqx\n@eqx.filter_jit\ndef batched(): ..."),
        ("quality/metrics.py", "from jax import random as r\nr.split(key)"),
        ("quality/metrics.py", "import h5py"),
        ("fitting/solvers/pie.py", "def step():\n    print('step')"),
        ("data/files/npz.py", "import numpy as np\nnp.load(path, allow_pickle=True)"),
        ("runs/plan.py", "eval(text)"),
        ("cli/run.py", "assert path"),
        ("cli/run.py", "try:\n    go()\nexcept (OSError, Exception):\n    pass"),
        ("cli/run.py", "try:\n    go()\nexcept:\n    pass"),
    ],
)
def test_a_stranger_is_found(path, text):
    assert len(list(strangers(Source(path, text)))) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "physics/scan.py",
            '"""Never fftshift; print(x) belongs to the commands."""\nfrom ..core.fourier import fft2\nfft2(x)',
        ),
        ("physics/batching.py", "from jax import vmap\ndef batched(f):\n    return vmap(f)"),
        ("runs/plan.py", "model.eval(text.split(','), allow_pickle=False)"),
        ("cli/run.py", "try:\n    print()\nexcept OSError:\n    pass"),
    ],
)
def test_a_token_at_home_is_left_alone(path, text):
    assert not list(strangers(Source(path, text)))


def test_what_is_too_large_is_found():
    body = "    x = 1\n" * (MOST_LINES_OF_A_FUNCTION - 1)  # with the line of `def` just within the limit
    assert not list(too_large(Source("scan.py", f"def f(self, a, b, c, d, e, f, g, *, h):\n{body}")))
    assert not list(too_large(Source("scan.py", f'def f():\n    """One.\n\n    Two.\n    """\n{body}')))
    assert len(list(too_large(Source("scan.py", f"def f():\n{body}    x = 1\n")))) == 1
    assert len(list(too_large(Source("scan.py", "def f(a, b, c, d, e, f, g, h): ...")))) == 1
    assert len(list(too_large(Source("scan.py", "x = 1\n" * (MOST_LINES_OF_A_FILE + 1))))) == 1


def test_a_missing_docstring_is_found():
    stub = Source("__init__.pyi", "from .solvers import adam as adam, epie as epie, other as other")
    folder = Source("solvers/__init__.py", "from .gradient import adam\nfrom .gradient import epie")
    file = Source("solvers/gradient.py", 'def adam(): ...\ndef epie():\n    """Step."""')
    assert list(undocumented(stub, [folder, file])) == ["ptychograd.solvers.adam is public and has no docstring"]


@pytest.mark.parametrize(
    "text",
    [
        'monkeypatch.setattr("ptychograd.runs.machine._cores", 1)',
        'for place in ("ptychograd.runs.machine._cores",):\n    patch.setattr(place, 1)',
        'from ptychograd.runs import machine\nmonkeypatch.setattr(machine, "_cores", 1)',
        'from ptychograd.data.dataset import stored as _stored\npatch.delattr(_stored.StoredPatterns, "_read")',
        'monkeypatch.setattr(data.patterns._arrival, "came", 1)',
        "from ptychograd.runs import machine\nmonkeypatch.setitem(machine._UNITS, 'kB', 1)",
        'from unittest import mock\nimport ptychograd as pg\nmock.patch.object(pg.Result, "_saved")',
        "stored.patterns._read = 1",
        'setattr(stored, "_read", 1)',
    ],
)
def test_a_replaced_inner_name_is_found(text):
    assert list(replaced_inner_names(Source("tests/cli/test_machine.py", text)))


@pytest.mark.parametrize(
    "text",
    [
        'from ptychograd.runs import many as _many\nmonkeypatch.setattr(_many, "perform", 1)',
        'monkeypatch.setattr("ptychograd.cli.engine.prepare", 1)',
        'import os\nmonkeypatch.setattr(os, "_exit", 1)',
        "class Mine:\n    def __init__(self):\n        self._read = 1",
        "_memory = result._replace(seed=1)",
    ],
)
def test_what_a_test_may_replace_is_left_alone(text):
    assert not list(replaced_inner_names(Source("tests/cli/test_machine.py", text)))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("refinement/search.py", 'OFFSET = "scan.offset"'),
        ("quality/comparison.py", "path.startswith('scan.')"),
        ("runs/stages.py", 'names = tuple(f"scan.{name}" for name in known)'),
        ("cli/needs.py", 'Need("--refine propagator.weights", ("--spectrum",))'),
        ("cli/units.py", 'UNITS = {"detector.point_spread.width": "pixels"}'),
    ],
)
def test_a_path_elsewhere_is_found(path, text):
    assert len(list(paths_elsewhere(Source(path, text)))) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("physics/paths.py", 'OFFSET = "scan.offset"'),
        ("models/effects/waves.py", 'WEIGHTS = "propagator.weights"'),
        ("runs/stages.py", 'BOTH = ("object", "probe")'),
        ("fitting/solver.py", '"""As "scan.offset"."""\nscan.offset'),
        ("cli/places.py", 'raise InputError("--jitter is for simulations; refine with --refine scan.offset.")'),
        ("cli/page.py", 'name = "object.tiff"'),
    ],
)
def test_what_is_no_path_elsewhere_is_left_alone(path, text):
    assert not list(paths_elsewhere(Source(path, text)))


@pytest.mark.parametrize("kinds", ["Near", "Near | None", "(Far, Near)", "geometry.Near", "Far | geometry.Near"])
def test_a_kind_that_is_asked_for_is_found(kinds):
    own = own_kinds([Source("data/geometry.py", "class Beam: ...\nclass Near(Beam): ..."), Source("data/far.py", "")])
    assert own["Near"] == {"Beam"}
    assert (
        len(list(kinds_asked(Source("models/recipes.py", f"if isinstance(data.geometry, {kinds}):\n    pass"), own)))
        == 1
    )


@pytest.mark.parametrize(
    "text", ["isinstance(data, np.ndarray)", "data.geometry.near_field", "issubclass(kind, tuple)"]
)
def test_what_asks_for_no_own_kind_is_left_alone(text):
    assert not list(kinds_asked(Source("models/recipes.py", text), ["Near"]))
