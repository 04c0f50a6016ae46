import { parentPort, workerData } from 'node:worker_threads';

/** The inside of a thread that `startThread` started. */
export type InThread<Data, To, From> = {
  readonly data: Data;
  readonly tell: (message: From) => void;
  /** Keeps the thread alive until `leave`. */
  readonly onMessage: (heard: (message: To) => void) => void;
  /** Hears no more: the thread ends when nothing else is under way. */
  readonly leave: () => void;
};

/** Whoever starts the module says what it is given and told. @throws TypeError in the main thread. */
export function inThread<Data, To, From>(): InThread<Data, To, From> {
  const port = parentPort;
  if (port === null) throw new TypeError('this module runs in a thread that the service starts');
  return {
    data: workerData as Data,
    tell: (message) => port.postMessage(message),
    onMessage: (heard) => void port.on('message', heard),
    leave: () => port.close(),
  };
}
