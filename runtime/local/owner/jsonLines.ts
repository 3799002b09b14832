/** JSON values over a socket, one a line. */
import type { Socket } from 'node:net';

/** Longer lines are nobody's: the longest is a log's tail. */
const mostLineBytes = 4 * 1024 * 1024;

/** Calls `take` with every value that comes. What is no JSON, or too long, ends the connection. */
export function readJsonLines(socket: Socket, take: (value: unknown) => void): void {
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    text += chunk;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    if (text.length > mostLineBytes) return void socket.destroy();
    for (const line of lines) {
      const value = parsed(line);
      if (value === undefined) return void socket.destroy();
      take(value);
    }
  });
}

export function writeJsonLine(socket: Socket, value: object): void {
  if (!socket.destroyed && socket.writable) socket.write(`${JSON.stringify(value)}\n`);
}

function parsed(line: string): unknown {
  try {
    const value: unknown = JSON.parse(line);
    return value;
  } catch {
    return undefined;
  }
}
