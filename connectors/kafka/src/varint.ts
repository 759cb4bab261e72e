/** Kafka's variable-length integers: zigzag, seven bits a byte, the lowest first. */

/** Bytes that the zigzag form of `value`, a safe integer, takes. */
export function varintBytes(value: number): number {
  let rest = value >= 0 ? value * 2 : value * -2 - 1;
  let bytes = 1;
  while (rest >= 128) {
    rest = Math.floor(rest / 128);
    bytes++;
  }
  return bytes;
}

/** Writes `value`, a safe integer; returns the offset behind it. */
export function writeVarint(into: Buffer, at: number, value: number): number {
  let rest = value >= 0 ? value * 2 : value * -2 - 1;
  let offset = at;
  // Beyond 31 bits the operators of bits do not reach.
  while (rest >= 0x8000_0000) {
    into[offset++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 128) {
    into[offset++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  into[offset++] = rest;
  return offset;
}

/** Reads one after the other; the place is the reader's, so that no call makes an object. */
export class VarintReader {
  bytes: Buffer;
  offset: number;

  constructor(bytes: Buffer, offset = 0) {
    this.bytes = bytes;
    this.offset = offset;
  }

  /** A signed integer of up to 53 bits. Behind the end of the bytes it reads zeros. */
  next(): number {
    const { bytes } = this;
    let byte = bytes[this.offset++] as number;
    if (byte < 128) return (byte >>> 1) ^ -(byte & 1);
    let low = byte & 127;
    for (let shift = 7; shift < 28; shift += 7) {
      byte = bytes[this.offset++] as number;
      low |= (byte & 127) << shift;
      if (byte < 128) return (low >>> 1) ^ -(low & 1);
    }
    let wide = low;
    for (let scale = 2 ** 28; byte >= 128; scale *= 128) {
      byte = bytes[this.offset++] as number;
      wide += (byte & 127) * scale;
    }
    return wide % 2 === 0 ? wide / 2 : -(wide + 1) / 2;
  }
}
