// What a page can do more where scripts run: check a proof by itself, read a key from a file, and keep quiet otherwise.
// No dependency, no build. Everything works without it but the check in the browser.

const encode = (text) => new TextEncoder().encode(text);
const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);
const joined = (...parts) => {
  const whole = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) { whole.set(part, at); at += part.length; }
  return whole;
};
const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));

// RFC 6962 2.1 (hashes) and RFC 9162 2.1.3.2 (the proof). Numbers stay below 2^53; BigInt for the shifts.
async function rootFrom(leaf, sequence, size, proof) {
  let at = BigInt(sequence), last = BigInt(size) - 1n;
  let result = await sha256(Uint8Array.of(0), leaf);
  for (const sibling of proof) {
    if (last === 0n) return null;
    if (at & 1n || at === last) {
      result = await sha256(Uint8Array.of(1), sibling, result);
      while (at !== 0n && !(at & 1n)) { at >>= 1n; last >>= 1n; }
    } else {
      result = await sha256(Uint8Array.of(1), result, sibling);
    }
    at >>= 1n; last >>= 1n;
  }
  return last === 0n ? result : null;
}

// C2SP signed-note: is one of the note's signatures by that key (name+id+base64 of 1 and 32 bytes)?
async function signedBy(note, key) {
  const [name, , ...encoded] = key.split("+"); // base64 has plus signs of its own
  const publicKey = bytesOf(encoded.join("+")).slice(1);
  const id = (await sha256(encode(`${name}\n`), Uint8Array.of(1), publicKey)).slice(0, 4);
  const cut = note.indexOf("\n\n");
  const text = encode(note.slice(0, cut + 1));
  const imported = await crypto.subtle.importKey("raw", publicKey, { name: "Ed25519" }, false, ["verify"]);
  for (const line of note.slice(cut + 2).split("\n")) {
    if (!line.startsWith(`— ${name} `)) continue;
    const signature = bytesOf(line.slice(name.length + 3));
    if (same(signature.slice(0, 4), id) && await crypto.subtle.verify("Ed25519", imported, signature.slice(4), text)) return true;
  }
  return false;
}

function otherThanShown(leaf) {
  for (const element of document.querySelectorAll("[data-leaf]")) {
    if (String(leaf[element.dataset.leaf] ?? "") !== element.textContent) return true;
  }
  return false;
}

async function checkProof(card) {
  const says = document.getElementById("proof-here");
  const words = says.dataset;
  const bad = (why) => { card.classList.add("doubted"); says.className = "bad"; says.textContent = words.bad.replace("%", why); };
  says.textContent = words.checking;
  try {
    const given = await (await fetch(card.dataset.proof, { credentials: "same-origin" })).json();
    if (given.state !== "holds") { says.textContent = ""; return; }
    const leaf = encode(given.leaf);
    const [origin, size, root] = given.checkpoint.split("\n");
    const found = await rootFrom(leaf, given.sequence, Number(size), given.proof.map(bytesOf));
    if (found === null || !same(found, bytesOf(root))) return bad("hash");
    const entry = JSON.parse(given.leaf);
    if (entry.sequence !== given.sequence || card.dataset.proof !== `/decisions/${entry.sequence}/proof`) return bad("sequence");
    if (otherThanShown(entry)) return bad(words.shown);
    let signed;
    try {
      signed = given.signer.split("+")[0] === origin && await signedBy(given.checkpoint, given.signer);
    } catch (e) {
      if (e.name !== "NotSupportedError") throw e;
      says.textContent = words.half;
      return;
    }
    if (!signed) return bad("signature");
    if (changedKey(origin, given.keys)) return bad(words.key);
    says.className = "checked";
    says.textContent = words.good;
  } catch (e) {
    bad(e.message);
  }
}

// The key that this browser saw first is remembered; another one later is worth a warning.
function changedKey(origin, keys) {
  const name = `log key ${origin}`;
  try {
    const known = localStorage.getItem(name);
    if (known === null) localStorage.setItem(name, keys[0]);
    return known !== null && !keys.includes(known);
  } catch {
    return false;
  }
}

for (const card of document.querySelectorAll(".proof[data-proof]")) {
  if (crypto.subtle) checkProof(card);
}

// A key from a file goes into the field as text; the file itself is sent nowhere.
for (const input of document.querySelectorAll("input[type=file][data-into]")) {
  input.closest(".file").hidden = false;
  input.addEventListener("change", async () => {
    if (input.files.length) document.getElementById(input.dataset.into).value = await input.files[0].text();
    input.value = "";
  });
}
