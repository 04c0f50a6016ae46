import { joinEmbedded } from '../adapters/postgres/embedded.ts';
import { closing, type Closing } from '../compose/closing.ts';
import { placesOf, type Places } from '../compose/databases.ts';
import type { Config } from '../config.ts';
import { say, type Io } from './terminal.ts';

/** Where the tables live: the embedded server that the service runs, else one of our own until `opened` closes. */
function placesFor(config: Config, io: Io, opened: Closing): Promise<Places> {
  const running = config.database === 'embedded' ? joinEmbedded(config.dataDir) : undefined;
  return placesOf(running === undefined ? config : { ...config, database: running }, opened, (what) => {
    say(io, what);
  });
}

/** Lends what the configuration names to `work` and closes it afterwards, whatever comes of it. */
export async function withPlaces<T>(config: Config, io: Io, work: (places: Places, opened: Closing) => Promise<T>): Promise<T> {
  const opened = closing((what) => {
    say(io, `${what}: could not be closed`);
  });
  try {
    return await work(await placesFor(config, io, opened), opened);
  } finally {
    await opened.all();
  }
}
