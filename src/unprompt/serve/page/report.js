// The cards as one file that needs neither this page nor a network.
import * as overlay from "./overlay.js";

export async function download(cards, help) {
  const styles = await Promise.all(["page/report.css", "page/static/page.css"].map(async (path) => (await fetch(path)).text()));
  const copy = cards.cloneNode(true);
  for (const part of copy.querySelectorAll(".choose, .ask")) part.remove();
  overlay.remove(copy);
  const now = new Date();
  const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Is this picture an answer to a prompt?</title><style>${styles.join("\n")}</style></head>
<body><header><h1>Is this picture an answer to a prompt?</h1><p class="lead">Judged by unprompt on ${now.toLocaleString("en-GB")}.</p>
${help.outerHTML}</header>
<main>${copy.outerHTML}</main>
</body></html>`;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([page], { type: "text/html" }));
  link.download = `unprompt-${now.toISOString().slice(0, 16).replace(/[:T]/g, "-")}.html`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
