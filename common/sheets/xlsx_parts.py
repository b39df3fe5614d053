"""The parts of a workbook beside its rows: fixed XML around sheets, styles and the list of both."""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from xml.sax.saxutils import escape, quoteattr

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
#: Finer numbers are shown as they are.
_FINEST = 10


class Style(IntEnum):
    """Numbers of the fixed cell formats."""

    GENERAL = 0
    HEADER = 1
    DATETIME = 2
    DATE = 3
    TIME = 4
    DURATION = 5
    #: Stays text when somebody edits the cell.
    TEXT = 6


_FORMATS = {Style.DATETIME: "yyyy-mm-dd hh:mm:ss", Style.DATE: "yyyy-mm-dd", Style.TIME: "hh:mm:ss"}
_FORMATS[Style.DURATION] = "[h]:mm:ss"
#: Built into every spreadsheet: text.
_TEXT_FORMAT = 49
#: The first number that is free for formats of one's own.
_FIRST_FORMAT = 164


class Styles:
    """The cell formats of one workbook: the fixed ones, and one for each number of decimal places it has."""

    def __init__(self) -> None:
        self._scales: dict[int, int] = {}

    def of_scale(self, places: int) -> int:
        """The number of the format that shows so many decimal places."""
        if not 0 <= places <= _FINEST:
            return Style.GENERAL
        return self._scales.setdefault(places, len(Style) + len(self._scales))

    def xml(self) -> str:
        """The part."""
        codes = list(_FORMATS.values()) + ["0" + ("." + "0" * scale if scale else "") for scale in self._scales]
        formats = "".join(
            f"<numFmt numFmtId={quoteattr(str(_FIRST_FORMAT + number))} formatCode={quoteattr(code)}/>"
            for number, code in enumerate(codes)
        )
        cells = [_xf(0), _xf(0, ' fontId="1" fillId="2" applyFont="1" applyFill="1"')]
        cells += [_xf(_FIRST_FORMAT + number) for number in range(len(_FORMATS))]
        cells += [_xf(_TEXT_FORMAT, ' quotePrefix="1"')]
        cells += [_xf(_FIRST_FORMAT + len(_FORMATS) + number) for number in range(len(self._scales))]
        return (
            f'{_HEAD}<styleSheet xmlns="{_MAIN}"><numFmts count="{len(codes)}">{formats}</numFmts>'
            '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
            '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
            '<fills count="3"><fill><patternFill patternType="none"/></fill>'
            '<fill><patternFill patternType="gray125"/></fill>'
            '<fill><patternFill patternType="solid"><fgColor rgb="FFEEF1F4"/></patternFill></fill></fills>'
            '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
            '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
            f'<cellXfs count="{len(cells)}">{"".join(cells)}</cellXfs>'
            '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
        )


def _xf(number_format: int, more: str = "") -> str:
    fonts = "" if "fontId" in more else ' fontId="0" fillId="0"'
    applied = ' applyNumberFormat="1"' if number_format else ""
    return f'<xf numFmtId="{number_format}"{fonts} borderId="0" xfId="0"{applied}{more}/>'


def sheet_path(number: int) -> str:
    """Where the sheet of this number, from 1, lies in the archive."""
    return f"xl/worksheets/sheet{number}.xml"


def sheet_head(widths: Sequence[int], *, frozen: bool) -> str:
    """What stands before the rows: the header stays in view, the columns are as wide as their text."""
    pane = (
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/><selection pane="bottomLeft"/>'
        if frozen
        else ""
    )
    columns = "".join(
        f'<col min="{number}" max="{number}" width="{width}" customWidth="1"/>'
        for number, width in enumerate(widths, 1)
    )
    return (
        f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">{pane}</sheetView></sheetViews>'
        f'<sheetFormatPr defaultRowHeight="15"/>{f"<cols>{columns}</cols>" if columns else ""}<sheetData>'
    )


def sheet_tail(filtered: str) -> str:
    """What stands after the rows: a filter over `filtered` ("A1:J20"), if there is one."""
    return f"</sheetData>{f'<autoFilter ref={quoteattr(filtered)}/>' if filtered else ''}</worksheet>"


def parts(sheets: Sequence[str], filters: Sequence[str], styles: Styles) -> Mapping[str, str]:
    """Every part but the sheets, by its path."""
    count = range(1, len(sheets) + 1)
    overrides = "".join(_override(f"/{sheet_path(number)}", "worksheet+xml") for number in count)
    overrides += _override("/xl/workbook.xml", "sheet.main+xml") + _override("/xl/styles.xml", "styles+xml")
    related = "".join(_relation(number, "worksheet", f"worksheets/sheet{number}.xml") for number in count)
    related += _relation(len(sheets) + 1, "styles", "styles.xml")
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{number}" r:id="rId{number}"/>'
        for number, name in enumerate(sheets, 1)
    )
    return {
        "[Content_Types].xml": f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>',
        "_rels/.rels": _relations(_relation(1, "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets>'
        f"{_names(sheets, filters)}</workbook>",
        "xl/_rels/workbook.xml.rels": _relations(related),
        "xl/styles.xml": styles.xml(),
    }


def _names(sheets: Sequence[str], filters: Sequence[str]) -> str:
    """Excel expects a hidden name for every filter."""
    found = ""
    for index, (sheet, filtered) in enumerate(zip(sheets, filters, strict=True)):
        if filtered:
            first, _, last = filtered.partition(":")
            quoted = sheet.replace("'", "''")
            reference = escape(f"'{quoted}'!{_absolute(first)}:{_absolute(last)}")
            found += (
                f'<definedName name="_xlnm._FilterDatabase" localSheetId="{index}" hidden="1">{reference}</definedName>'
            )
    return f"<definedNames>{found}</definedNames>" if found else ""


def _absolute(ref: str) -> str:
    letters = ref.rstrip("0123456789")
    return f"${letters}${ref[len(letters) :]}"


def _override(path: str, kind: str) -> str:
    return f'<Override PartName="{path}" ContentType="{_KIND}.{kind}"/>'


def _relation(number: int, kind: str, target: str) -> str:
    return f'<Relationship Id="rId{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'


def _relations(content: str) -> str:
    return f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{content}</Relationships>'
