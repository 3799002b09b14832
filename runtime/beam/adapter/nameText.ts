/** Names in messages for people. */
import type { NameRef } from '../../model.ts';
import { briefly } from './callError.ts';

/** As Erlang writes a name to be sent to. */
export function nameText(name: NameRef): string {
  switch (name.in) {
    case 'local':
      return name.name;
    case 'global':
      return `{global, ${briefly(name.name)}}`;
    case 'via':
      return `{via, ${name.module}, ${briefly(name.name)}}`;
  }
}
