// One picture to the service; fetch() cannot tell how far an upload is.
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function ask(path, file, key, progress = () => {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${path}?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    if (key) request.setRequestHeader("Authorization", `Bearer ${key}`);
    request.upload.addEventListener("progress", (event) => progress(event.lengthComputable ? event.loaded / event.total : 0));
    request.upload.addEventListener("load", () => progress(1));
    request.addEventListener("load", () => {
      if (request.status === 200) resolve(request.responseText);
      else reject(new Refused(request.status, detail(request)));
    });
    request.addEventListener("error", () => reject(new Refused(0, "The service does not answer.")));
    request.send(file);
  });
}

function detail(request) {
  try {
    return JSON.parse(request.responseText).detail;
  } catch {
    return `The service answered with ${request.status}.`;
  }
}
