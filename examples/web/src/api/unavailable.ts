/** The service cannot be reached, is busy, or the session has ended (401): the same request may succeed later. */
export class Unavailable extends Error {
  constructor(readonly status?: number) {
    super(status ? `The service answered ${status}` : "The service is unreachable");
  }
}
