"""Command-line options made from option schemas."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from sinddm_toolkit.cli import completion, streams
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.options.option import Option
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.regions import Region

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class SchemaType(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """Leaves values as text: the schema reads them, and says what is wrong with them."""

    def __init__(self, item: Option) -> None:
        self.name = item.metavar
        self._item = item

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return completion.values(self._item, incomplete)


class RareOption(click.Option):
    """An option that `--help` leaves to `--help-all`."""


class SchemaCommand(click.Command):
    """A command whose options are those of schemas, with `params` of its own beside them."""

    def __init__(
        self, name: str, *, items: Sequence[Option], params: list[click.Parameter], **how: Any
    ) -> None:
        self.items = items
        options = [*map(_click_option, items), *params]
        if any(isinstance(one, RareOption) for one in options):
            options.append(_help_all())
        super().__init__(name, params=options, **how)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Also notes in `ctx.meta` in which order the options with values stand on the line."""
        ctx.meta[_order_key(self)] = _order(self.params, args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            near = " or ".join(near_options(error.option_name, self.get_params(ctx)))
            hint = f"did you mean {near}?" if near else f"see {ctx.command_path} --help"
            text = f"No such option {error.option_name}: {hint}"
            raise click.NoSuchOption(error.option_name, text, ctx=ctx) from None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Those to know; all of them if that is asked for."""
        every = ctx.meta.get(HELP_ALL, False)
        options = [one for one in self.get_params(ctx) if isinstance(one, click.Option)]
        rare = [one for one in options if isinstance(one, RareOption)]
        for title, params in self.sections(options):
            shown = [one for one in params if every or one not in rare]
            if records := [found for one in shown if (found := one.get_help_record(ctx))]:
                with formatter.section(title):
                    formatter.write_dl(records)
        if rare and not every:
            formatter.write_paragraph()
            formatter.write_text(f"More options, for fine control: {ctx.command_path} {ALL}")

    def sections(self, options: Sequence[click.Option]) -> list[tuple[str, list[click.Option]]]:
        """The options under their titles, as help shows them."""
        return [("Options", list(options))]

    def given_texts(self, ctx: click.Context) -> dict[str, Any]:
        """What was given on the line, as texts but for flags, and for pictures from streams.

        UserError for bad orders, and for several pictures where one is taken.
        """
        texts = {}
        for item in self.items:
            given: Any = ctx.params.get(item.name)
            if given is None or given == ():
                continue
            if item.is_picture and not item.many and self._times(item, ctx) > 1:
                raise UserError(
                    f"{item.flag} is given {self._times(item, ctx)} times: it takes one"
                )
            if item.type in (Picture, Region):
                read = partial(streams.picture_of, item.flag, ctx=ctx)
                given = tuple(map(read, given)) if item.many else read(given)
            texts[item.name] = list(given) if item.many else given
            if item.follows:
                texts[item.name] = _behind(item, given, ctx.meta[_order_key(self)])
        return texts

    def _times(self, item: Option, ctx: click.Context) -> int:
        order: list[str] = ctx.meta[_order_key(self)]
        return order.count(item.name)

    def given_values(self, ctx: click.Context) -> dict[str, Any]:
        """The same, checked, but that files are still their paths. UserError for bad values."""
        schema = {item.name: item for item in self.items}
        return {
            name: schema[name].read(given, schema[name].flag, is_text=True)
            for name, given in self.given_texts(ctx).items()
        }


ALL = "--help-all"
HELP_ALL = f"{__name__}.help_all"
"""Where the context notes that all options are to be shown."""


def _help_all() -> click.Option:
    def show(ctx: click.Context, param: click.Parameter, is_given: bool) -> None:
        if is_given and not ctx.resilient_parsing:
            ctx.meta[HELP_ALL] = True
            click.echo(ctx.get_help(), color=ctx.color)
            ctx.exit()

    return RareOption(
        [ALL],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show,
        help="Show this message with all options, and exit.",
    )


def near_options(flag: str, params: Iterable[click.Parameter]) -> list[str]:
    """The options that may have been meant by `flag`: spelt nearly so, or with a word of it in the
    name, or else in the help of one that is not rare; two at most."""
    options = [one for one in params if isinstance(one, click.Option)]
    names = {name: one for one in options for name in one.opts if name.startswith("--")}
    words = set(flag.lstrip("-").split("-"))

    def tells(one: click.Option) -> bool:
        return not isinstance(one, RareOption) and bool(
            words & {*re.findall(r"\w+", one.help or "")}
        )

    spelt = difflib.get_close_matches(flag, names, n=2, cutoff=0.75)
    named = [name for name in names if words & {*name[2:].split("-")}]
    return (spelt or named or [name for name, one in names.items() if tells(one)])[:2]


def _order_key(command: click.Command) -> str:
    return f"{__name__}.{command.name}"


def _order(params: Iterable[click.Parameter], words: Iterable[str]) -> list[str]:
    """The names of the options that take a value, one for each time they are given."""
    options = [one for one in params if isinstance(one, click.Option) and not one.is_flag]
    names = {flag: str(option.name) for option in options for flag in option.opts}
    found = []
    remaining = iter(words)
    for word in remaining:
        flag, equals, _ = word.partition("=")
        if flag in names:
            found.append(names[flag])
            if not equals:
                next(remaining, None)  # its value, whatever that looks like
    return found


def _behind(item: Option, values: Sequence[str], order: Sequence[str]) -> list[Any]:
    """`values` of `item` in lists, one for each value of the option that they stand behind.

    As they are if that option was given once: where they stand does not matter then.
    """
    if order.count(item.follows or "") < 2:
        return list(values)
    groups: list[list[str]] = []
    remaining = iter(values)
    for name in order:
        if name == item.follows:
            groups.append([])
        elif name == item.name:
            if not groups:
                raise UserError(f"{item.flag} stands before the --{item.follows} it belongs to")
            groups[-1].append(next(remaining))
    return groups


def _click_option(item: Option) -> click.Option:
    help = item.help + _default_text(item)
    cls = RareOption if item.rarely else click.Option
    if item.type is bool:
        return cls([f"{item.flag}/--no-{item.flag[2:]}"], default=None, help=help)
    return cls(
        [item.flag],
        type=SchemaType(item),
        metavar=item.metavar,
        help=help,
        multiple=item.many,
    )


def _default_text(item: Option) -> str:
    note = "  [may be repeated]" if item.many else ""
    if item.required:
        other = f", or --{item.unless.replace('_', '-')}" if item.unless else ""
        return f"{note}  [required{other}]"
    if item.default is None or item.type is bool:
        return note
    return f"{note}  [default: {item.default}]"
