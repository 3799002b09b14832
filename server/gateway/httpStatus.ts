import type { ErrorClass } from '../../runtime/model.ts';

/** HTTP status of each error class (interfaces "Errors"; 499 is nginx's "client closed request"). The only such table. */
export const httpStatus: { readonly [C in ErrorClass]: number } = {
  validation: 400,
  authentication: 401,
  authorization: 403,
  not_found: 404,
  conflict: 409,
  rate_limited: 429,
  cancelled: 499,
  execution: 422,
  system: 500,
  unsupported: 501,
  unavailable: 503,
  timeout: 504,
};
