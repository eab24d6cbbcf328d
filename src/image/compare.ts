/** One self-contained page that shows images before and after, with a slider over each. */
import { encodePicture, type Picture } from './codec.ts'
import type { Image } from './image.ts'
import { resizeBicubic } from './resize.ts'

export interface Comparison {
  readonly name: string
  /** Remarks below the image. */
  readonly caption: string
  readonly before: Picture
  readonly after: Picture
}

/** Longest side of an image on the page: larger ones are shrunk. */
const LONGEST = 4096

/** One comparison as HTML. Both images are of one size. */
export async function comparisonFigure({ name, caption, before, after }: Comparison): Promise<string> {
  const [left, right] = await Promise.all([dataUri(before), dataUri(after)])
  const { width, height } = after.colour
  const title = escapeHtml(name)
  return `<figure>
<div class="pair" style="aspect-ratio: ${width} / ${height}; --width: ${width}px">
<img src="${right}" alt="${title}, after">
<img class="before" src="${left}" alt="${title}, before">
<span class="tag left">before</span><span class="tag right">after</span>
<div class="line"></div>
<input type="range" min="0" max="100" step="0.5" value="50" aria-label="${title}: share of the image shown before upscaling">
</div>
<figcaption><b>${title}</b> ${escapeHtml(caption)}</figcaption>
</figure>`
}

/** The page around figures. It loads nothing and sends nothing. */
export function comparisonPage(figures: readonly string[]): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>Before and after</title>
<style>${STYLE}</style>
</head>
<body>
<header><h1>Before and after</h1>
<p>Drag across an image, or focus it and use the arrow keys. <label><input type="checkbox" id="actual"> Actual pixels</label></p></header>
${figures.join('\n')}
<script>${SCRIPT}</script>
</body>
</html>
`
}

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; padding: 1.5rem; max-width: 72rem; }
h1 { font-size: 1.3rem; margin: 0; }
header p { margin: 0 0 1rem; opacity: .8; }
figure { margin: 0 0 2rem; overflow-x: auto; }
figcaption { padding-top: .4rem; }
.pair { --at: 50%; position: relative; width: var(--width); max-width: 100%; overflow: hidden; background: repeating-conic-gradient(#8883 0 25%, #8881 0 50%) 0 0 / 24px 24px; }
.actual .pair { max-width: none; }
.actual .pair img { image-rendering: pixelated; }
.pair img { position: absolute; inset: 0; width: 100%; height: 100%; }
.pair .before { clip-path: inset(0 calc(100% - var(--at)) 0 0); }
.line { position: absolute; top: 0; bottom: 0; left: var(--at); width: 2px; margin-left: -1px; background: #fff; box-shadow: 0 0 3px #000; pointer-events: none; }
.line::after { content: "\\25C2\\2002\\25B8"; position: absolute; top: 50%; left: 50%; translate: -50% -50%; padding: .15rem .5rem; border-radius: 1rem; background: #fff; color: #222; box-shadow: 0 0 4px #0008; white-space: nowrap; }
.pair input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize; }
.pair:focus-within { outline: 3px solid #2f7de1; outline-offset: -3px; }
.tag { position: absolute; bottom: .5rem; padding: 0 .5rem; border-radius: .3rem; background: #000a; color: #fff; font-size: .85rem; pointer-events: none; }
.left { left: .5rem; }
.right { right: .5rem; }
`

const SCRIPT = `
for (const slider of document.querySelectorAll('.pair input')) {
  const move = () => slider.parentElement.style.setProperty('--at', slider.value + '%')
  slider.addEventListener('input', move)
  move()
}
const actual = document.getElementById('actual')
actual.addEventListener('change', () => document.body.classList.toggle('actual', actual.checked))
`

async function dataUri(picture: Picture): Promise<string> {
  const { colour, alpha } = picture
  const shown: Picture = { colour: shrunk(colour), alpha: alpha && shrunk(alpha), depth: 8, format: 'webp' }
  return `data:image/webp;base64,${(await encodePicture(shown, 92)).toString('base64')}`
}

function shrunk(image: Image): Image {
  const factor = LONGEST / Math.max(image.width, image.height)
  if (factor >= 1) return image
  const side = (length: number): number => Math.max(1, Math.round(length * factor))
  return resizeBicubic(image, side(image.height), side(image.width))
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, char => `&#${char.charCodeAt(0)};`)
}
