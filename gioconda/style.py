"""How the page looks: its theme, its style sheet, and a script that mends Gradio's markup for screen readers."""

from __future__ import annotations

from gradio.themes import Base, Color, sizes
from gradio.themes.utils.fonts import LocalFont

GREEN = Color(
    "#f0f7f3", "#dcece4", "#b9d9cb", "#8fc0ac", "#5fa088", "#3f836b", "#2f6a56", "#275646", "#21463a", "#1c3a31", "#0e201b"
)
"""Verdigris, the green of old glazes; 700 and darker carry white text at a contrast of 8 to 1 and more."""

STONE = Color(
    "#faf9f7", "#f3f1ed", "#e6e2da", "#d3cdc2", "#a39b8e", "#7a7266", "#5b544a", "#464038", "#2c2823", "#1f1c18", "#151310"
)
"""Warm greys; 600 on 50 has a contrast of 7 to 1."""


def theme() -> Base:
    """The page's colours, sizes and fonts, all of them in Gradio's own wheel: nothing is fetched."""
    made = Base(
        primary_hue=GREEN,
        secondary_hue=GREEN,
        neutral_hue=STONE,
        radius_size=sizes.radius_lg,
        # Not the default weight 600: that file of Gradio 6.31 is a subset without small letters, as Lora and Source Sans 3 are.
        font=(LocalFont("Source Sans Pro", weights=(400, 700)), "ui-sans-serif", "system-ui", "sans-serif"),
        font_mono=(LocalFont("IBM Plex Mono", weights=(400,)), "ui-monospace", "monospace"),
    )
    return made.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_800",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="1px",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_800",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="*neutral_300",
        block_title_text_color="*neutral_700",
        block_title_text_color_dark="*neutral_200",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        input_background_fill="white",
        input_background_fill_dark="*neutral_900",
        input_border_width="1px",
        input_border_color="*neutral_300",
        input_border_color_dark="*neutral_700",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
        button_primary_text_color="white",
        button_secondary_background_fill="white",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_700",
        button_border_width="1px",
        checkbox_label_background_fill="white",
        checkbox_label_background_fill_dark="*neutral_800",
        checkbox_label_background_fill_selected="*primary_100",
        checkbox_label_background_fill_selected_dark="*primary_800",
        checkbox_label_border_width="1px",
        checkbox_background_color_selected="*primary_700",
        checkbox_background_color_selected_dark="*primary_500",
        slider_color="*primary_700",
        slider_color_dark="*primary_400",
    )


CSS = """
.gradio-container { max-width: 1180px !important; margin: 0 auto; padding: 0 !important; }
.gradio-container > .main { padding: 28px 24px 12px !important; }
.html-container { padding: 0 !important; }
.block:has(> .html-container > .prose:empty) { display: none; }
.gradio-container h1, .gradio-container h2 { font-family: Georgia, 'Iowan Old Style', 'Times New Roman', serif; font-weight: 700; }
#title { padding-bottom: 6px; }
#title h1 { font-size: 36px; line-height: 1.15; margin: 0; letter-spacing: -0.01em; }
#title p { font-size: 17px; line-height: 1.45; margin: 6px 0 0; max-width: 72ch; color: var(--body-text-color-subdued); }
.gradio-container h2 { font-size: 20px; line-height: 1.3; margin: 0; }
.gradio-container h2 + p { margin: 2px 0 0; font-size: 15px; color: var(--body-text-color-subdued) !important; }
#columns { gap: 28px; align-items: flex-start; }
#right { position: sticky; top: 16px; }
.tab-container button.selected { color: var(--primary-700); }
.dark .tab-container button.selected { color: var(--primary-300); border-color: var(--primary-300); }
.dark a { color: var(--primary-300); }
@media (max-width: 760px) {
  .gradio-container > .main { padding: 16px 14px 8px !important; }
  #title h1 { font-size: 30px; }
  #right { position: static; }
}

.said { font-size: 15px; line-height: 1.45; margin: 0; padding: 10px 14px; border-radius: 10px; border-left: 4px solid transparent;
  background: var(--neutral-100); overflow-wrap: anywhere; }
.said + .said { margin-top: 8px; }
.said p { margin: 0; }
.said ul { margin: 4px 0 0; padding-left: 18px; list-style: disc; }
.said b { font-weight: 600; }
.said.fine { border-color: var(--primary-500); }
.said.note { border-color: #b7791f; background: #fdf6e7; color: #4a3410; }
.said.wrong { border-color: #c0392b; background: #fdf0ee; color: #6d1a10; }
.dark .said { background: var(--neutral-800); }
.dark .said.note { background: #33270f; color: #f3dfb4; }
.dark .said.wrong { background: #3a1713; color: #f8cfc8; }

.said h3 { font-size: 18px; line-height: 1.3; margin: 0 0 2px; color: inherit; }
#verifying p { max-width: 72ch; }
.details { margin-top: 10px; font-size: 15px; }
.details summary { cursor: pointer; padding: 6px 2px; }
.details table, .details tr { border-collapse: collapse; margin: 4px 0 0; border: 0 !important; }
.details th, .details td { border: 0 !important; border-bottom: 1px solid var(--block-border-color) !important; padding: 7px 18px 7px 2px !important;
  text-align: left; vertical-align: top; overflow-wrap: anywhere; }
.details th { font-weight: 600; white-space: nowrap; overflow-wrap: normal; }
@media (max-width: 760px) { .details th { white-space: normal; } }

/* Gradio's own "Error" over them when a run is stopped; the page says in words what happened. */
#right [data-testid="status-tracker"] { display: none !important; }
#frame { padding: 0; border: 0; background: none; }
.frame { display: grid; place-items: center; min-height: 380px; border-radius: 10px; overflow: hidden;
  border: 1px solid var(--block-border-color); background: var(--block-background-fill); }
.frame img { width: 100%; max-height: 620px; object-fit: contain; display: block; }
.frame.empty-frame { background: repeating-linear-gradient(135deg, transparent 0 14px, rgb(120 110 90 / 5%) 14px 15px)
  var(--block-background-fill); }
.frame .hint { text-align: center; padding: 24px; color: var(--body-text-color-subdued); font-size: 16px; max-width: 34ch; }
.frame svg { display: block; margin: 0 auto 14px; opacity: .75; }
#result video { max-height: 620px; }
#driving video { max-height: 240px; }
@media (max-width: 760px) { .frame { min-height: 280px; } .frame img, #result video { max-height: 60vh; } }

.working { padding: 10px 2px 2px; }
.working .line { display: flex; justify-content: space-between; gap: 12px; font-size: 15px; margin-bottom: 6px;
  font-variant-numeric: tabular-nums; }
.working .line b { font-weight: 600; }
.working { --track: var(--neutral-200); --done: var(--primary-600); }
.dark .working { --track: var(--neutral-700); --done: var(--primary-400); }
.working progress { appearance: none; width: 100%; height: 8px; border: 0; border-radius: 4px; overflow: hidden;
  background: var(--track); display: block; }
.working progress::-webkit-progress-bar { background: var(--track); }
.working progress::-webkit-progress-value { background: var(--done); transition: width .15s linear; }
.working progress::-moz-progress-bar { background: var(--done); }

#examples { gap: 12px; display: grid; grid-template-columns: repeat(auto-fill, minmax(126px, 1fr)); }
button.example { height: auto; flex-direction: column; gap: 0; padding: 0; overflow: hidden; min-width: 0; font-weight: 600; line-height: 1.25;
  text-align: center; padding-bottom: 10px; justify-content: flex-start; white-space: normal; font-size: 14.5px; }
button.example img { width: 100%; height: auto; aspect-ratio: 1; object-fit: cover; object-position: 50% 20%; margin: 0 0 10px; }
button.example:hover { border-color: var(--primary-500); }
#gesture .wrap { gap: 8px; }

#foot { font-size: 14px; line-height: 1.55; color: var(--body-text-color-subdued); border-top: 1px solid var(--block-border-color);
  padding: 16px 2px 4px; margin-top: 12px; }
#foot p { margin: 0 0 6px; max-width: 95ch; }
#foot a { padding: 0; margin: 0; }
#foot b { color: var(--body-text-color); font-weight: 600; }
"""
"""Colours come from the theme's variables, but for the warm and red grounds of notes and errors: both checked at 7 to 1."""

HEAD = """
<script>
// Gradio 6.31 labels elements that must not carry a label: mended here, checked with axe.
new MutationObserver(() => {
  document.querySelectorAll('.empty[aria-label]:not([role])').forEach((e) => e.setAttribute('role', 'img'));
  document.querySelectorAll('button[aria-label][aria-dropeffect]:not(.icon-mode)').forEach((e) => e.removeAttribute('aria-label'));
}).observe(document.documentElement, {childList: true, subtree: true});
</script>
"""
