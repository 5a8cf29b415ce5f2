// A table of everything that is drawn at any noise, from the one object of bytes that invviz/ui/components/table.py writes: 4 bytes that say how long the facts are, the facts as JSON, numbers.

const KINDS = { float64: Float64Array, uint16: Uint16Array }

export function table(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), length = view.getUint32(0, true)
  const facts = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)))
  const found = { ...facts }
  for (const { name, kind, count, start } of facts.arrays) {
    const from = 4 + length + start, Kind = KINDS[kind]
    found[name] = new Kind(bytes.slice(from, from + count * Kind.BYTES_PER_ELEMENT).buffer) // a copy begins where numbers may begin
  }
  return found
}
