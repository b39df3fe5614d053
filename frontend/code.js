// The code editor: every <textarea data-code="shell|python|sql|json"> becomes one, and keeps what is typed, so that the
// form works as it does without a script. Bundled by scripts/vendor; loaded on pages with a form that has code in it.
import { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { python } from "@codemirror/lang-python";
import { MySQL, PostgreSQL, SQLite, StandardSQL, sql } from "@codemirror/lang-sql";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { shell } from "@codemirror/legacy-modes/mode/shell";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { tags as t } from "@lezer/highlight";

const DIALECTS = { mysql: MySQL, mariadb: MySQL, postgresql: PostgreSQL, sqlite: SQLite };
const LANGUAGES = {
  shell: () => [StreamLanguage.define(shell), indentUnit.of("  ")],
  python: () => [python(), indentUnit.of("    ")],
  sql: (area) => [sql({ dialect: DIALECTS[area.dataset.dialect] || StandardSQL }), indentUnit.of("  ")],
  json: () => [json(), indentUnit.of("  ")],
};
// Colours come from our own style sheet, by class.
const colours = HighlightStyle.define([
  { tag: [t.keyword, t.operatorKeyword, t.controlKeyword, t.definitionKeyword, t.moduleKeyword], class: "c-k" },
  { tag: [t.string, t.special(t.string), t.regexp], class: "c-s" },
  { tag: [t.comment], class: "c-c" },
  { tag: [t.number, t.bool, t.null, t.atom], class: "c-n" },
  { tag: [t.variableName, t.propertyName, t.special(t.variableName)], class: "c-v" },
  { tag: [t.definition(t.variableName), t.function(t.variableName), t.standard(t.variableName), t.typeName], class: "c-f" },
]);
const told = document.querySelector("meta[name=csp-nonce]");
const nonce = told?.content || "";
const hint = told?.dataset.hint || "";

// Typing over a selection is done here: Chrome would put a style attribute on what replaces it, which the policy of the
// page forbids.
const typeOver = EditorView.domEventHandlers({
  beforeinput: (event, view) => {
    const { main } = view.state.selection;
    if (event.inputType !== "insertText" || !event.data || event.isComposing || main.empty || view.state.readOnly) return false;
    event.preventDefault();
    const insert = () => view.state.update({ ...view.state.replaceSelection(event.data), userEvent: "input.type", scrollIntoView: true });
    if (!view.state.facet(EditorView.inputHandler).some((handler) => handler(view, main.from, main.to, event.data, insert))) view.dispatch(insert());
    return true;
  },
});

const build = (area) => {
  const language = LANGUAGES[area.dataset.code];
  if (!language || area.dataset.coded) return;
  area.dataset.coded = "1";
  const label = area.labels?.[0]?.textContent || area.getAttribute("aria-label") || area.name;
  const attributes = { "aria-label": label, "aria-multiline": "true", "aria-description": hint, spellcheck: "false", autocapitalize: "off" };
  for (const name of ["aria-describedby", "aria-invalid"]) if (area.hasAttribute(name)) attributes[name] = area.getAttribute(name);
  let own = false;
  const view = new EditorView({
    state: EditorState.create({
      doc: area.value,
      extensions: [
        EditorView.cspNonce.of(nonce),
        lineNumbers(), highlightActiveLine(), drawSelection(), history(), indentOnInput(), bracketMatching(), closeBrackets(),
        EditorView.lineWrapping,
        typeOver,
        keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab]),
        syntaxHighlighting(colours),
        language(area),
        area.placeholder ? placeholder(area.placeholder) : [],
        area.readOnly || area.disabled ? [EditorState.readOnly.of(true), EditorView.editable.of(false)] : [],
        EditorView.contentAttributes.of(attributes),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged || own) return;
          own = true;
          area.value = update.state.doc.toString();
          area.dispatchEvent(new Event("input", { bubbles: true }));
          own = false;
        }),
      ],
    }),
  });
  const frame = document.createElement("div");
  frame.className = "r-editor" + (area.classList.contains("is-invalid") ? " is-invalid" : "");
  frame.dataset.hint = hint;
  frame.append(view.dom);
  area.after(frame);
  area.classList.add("r-coded");
  area.tabIndex = -1;
  area.setAttribute("aria-hidden", "true");
  area.addEventListener("input", () => {
    if (own || area.value === view.state.doc.toString()) return;
    own = true;
    view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: area.value } });
    own = false;
  });
  area.addEventListener("focus", () => view.focus());
};

const all = () => document.querySelectorAll("textarea[data-code]:not([data-coded])").forEach(build);
all();
document.addEventListener("htmx:afterSettle", all);
document.addEventListener("rota:code", all);
