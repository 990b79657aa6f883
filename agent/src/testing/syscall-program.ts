/** Where the program is loaded, and where its code begins there: after the two headers. */
const base = 0x400000;
const codeAt = 0x78;

const u16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
};
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value | 0);
  return bytes;
};
const u64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
};

/** An ELF file of one segment that may be read and executed. Source: System V ABI, AMD64 supplement. */
const elf = (code: Buffer): Buffer => {
  const size = codeAt + code.length;
  const ident = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  const header = [u16(2), u16(62), u32(1), u64(base + codeAt), u64(64), u64(0), u32(0)];
  const sizes = [u16(64), u16(56), u16(1), u16(0), u16(0), u16(0)];
  const segment = [u32(1), u32(5), u64(0), u64(base), u64(base), u64(size), u64(size), u64(0x1000)];
  return Buffer.concat([ident, ...header, ...sizes, ...segment, code]);
};

/** `mov <register>, <value>` for the six arguments of a system call, in order. */
const registers = [
  [0x48, 0xbf], // rdi
  [0x48, 0xbe], // rsi
  [0x48, 0xba], // rdx
  [0x49, 0xba], // r10
  [0x49, 0xb8], // r8
  [0x49, 0xb9], // r9
];
const movEax = (value: number): Buffer => Buffer.concat([Buffer.from([0xb8]), u32(value)]);
const syscall = Buffer.from([0x0f, 0x05]);
/** `neg eax; mov edi, eax; mov eax, 60; syscall`: exits with the error's number, 0 for none. */
const exitWithError = Buffer.concat([Buffer.from([0xf7, 0xd8, 0x89, 0xc7]), movEax(60), syscall]);
/** `test eax, eax; cmovns eax, 0`: what succeeded exits with 0, whatever it answered. */
const zeroUnlessError = Buffer.from([0x31, 0xc9, 0x85, 0xc0, 0x0f, 0x49, 0xc1]);

/**
 * A program for x86-64 Linux that makes one system call and exits with its error number. Node has no way to make one,
 * and the containers have no compiler. Shape: texts among the arguments are passed as their addresses.
 */
export const syscallProgram = (number: number, args: (number | string)[]): Buffer => {
  const moves = args.length * 10;
  const after = codeAt + moves + 5 + 2 + zeroUnlessError.length + exitWithError.length;
  const texts: Buffer[] = [];
  let textAt = base + after;
  const code = args.map((arg, index) => {
    let value = arg;
    if (typeof value === "string") {
      const text = Buffer.from(`${value}\0`);
      texts.push(text);
      value = textAt;
      textAt += text.length;
    }
    return Buffer.concat([Buffer.from(registers[index] as number[]), u64(value)]);
  });
  return elf(Buffer.concat([...code, movEax(number), syscall, zeroUnlessError, exitWithError, ...texts]));
};

/** Forks until the system refuses, then exits with that error's number; its children only wait. */
export const forkBomb = (): Buffer => {
  const fork = Buffer.concat([movEax(57), syscall]);
  // test eax, eax; js over the next two; jz to the pause; jmp to the start
  const head = Buffer.concat([fork, Buffer.from([0x85, 0xc0])]);
  const pause = Buffer.concat([movEax(34), syscall, Buffer.from([0xeb, 0xf7])]);
  const toStart = -(head.length + 6);
  const jumps = Buffer.from([0x78, 4 + pause.length, 0x74, 2, 0xeb, toStart & 0xff]);
  return elf(Buffer.concat([head, jumps, pause, exitWithError]));
};
