/** Processors that the library is made for, as Node calls them: the machine's number in ELF, and the code. */
const processors = {
  // mov edi, 4 (PR_SET_DUMPABLE); xor esi, esi; mov eax, 157 (prctl); syscall; ret
  x64: { machine: 62, code: [0xbf, 4, 0, 0, 0, 0x31, 0xf6, 0xb8, 0x9d, 0, 0, 0, 0x0f, 0x05, 0xc3] },
  // mov x0, 4; mov x1, 0; mov x8, 167; svc 0; ret
  arm64: {
    machine: 183,
    code: [
      ...[0x80, 0x00, 0x80, 0xd2, 0x01, 0x00, 0x80, 0xd2, 0xe8, 0x14, 0x80, 0xd2],
      ...[0x01, 0x00, 0x00, 0xd4, 0xc0, 0x03, 0x5f, 0xd6],
    ],
  },
} as const;

export type HideProcessor = keyof typeof processors;
export const hideProcessors = Object.keys(processors) as HideProcessor[];

/** Pages of 64 KiB, the largest that these processors have; the second one can be written, as loaders want. */
const page = 0x10000;
/** In the first page, after the header and four segments: an empty symbol, a hash table of nothing, and the code. */
const symbolsAt = 0x200;
const hashAt = 0x280;
const codeAt = 0x300;

/**
 * A library that makes the process that loads it unreadable for others of the same user (`prctl(PR_SET_DUMPABLE, 0)`): they
 * can neither trace it nor see its memory or environment. Node has no call for that, so it is done while a library is
 * loaded, by the function that it names as its beginning.
 *
 * Shape: an ELF file for Linux. Source: System V ABI (gABI 4.1, chapters 4 and 5), prctl(2).
 */
export const hideLibrary = (processor: HideProcessor): Buffer => {
  const { machine, code } = processors[processor];
  const dynamic: [tag: number, value: number][] = [
    [4, hashAt], // DT_HASH
    [5, symbolsAt + 24], // DT_STRTAB: one zero
    [6, symbolsAt], // DT_SYMTAB: the empty symbol that every table begins with
    [10, 1], // DT_STRSZ
    [11, 24], // DT_SYMENT
    [12, codeAt], // DT_INIT
    [0, 0],
  ];
  const dynamicSize = dynamic.length * 16;
  const file = Buffer.alloc(page + dynamicSize);
  const word = (at: number, value: number): number => file.writeUInt32LE(value, at);
  const long = (at: number, value: number): number => file.writeBigUInt64LE(BigInt(value), at);

  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  file.writeUInt16LE(3, 16); // a shared object
  file.writeUInt16LE(machine, 18);
  word(20, 1);
  long(32, 64); // the segments follow the header
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(4, 56);

  const segment = (
    index: number,
    type: number,
    flags: number,
    at: number,
    size: number,
    align: number,
  ): void => {
    const start = 64 + index * 56;
    word(start, type);
    word(start + 4, flags);
    for (const [offset, value] of [
      [8, at],
      [16, at],
      [24, at],
      [32, size],
      [40, size],
      [48, align],
    ] as const)
      long(start + offset, value);
  };
  segment(0, 1, 5, 0, codeAt + code.length, page); // read and execute
  segment(1, 1, 6, page, dynamicSize, page); // read and write
  segment(2, 2, 6, page, dynamicSize, 8);
  segment(3, 0x6474e551, 6, 0, 0, 16); // the stack is for data alone

  word(hashAt, 1); // one bucket, of one symbol, which is empty
  word(hashAt + 4, 1);
  file.set(code, codeAt);
  for (const [index, [tag, value]] of dynamic.entries()) {
    long(page + index * 16, tag);
    long(page + index * 16 + 8, value);
  }
  return file;
};
