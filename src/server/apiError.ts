/** Errors as the API gives them: a status, and OpenAI's form of the reason. */
import { ConfigError, GadflyError } from '../base/errors.js';

export type ApiErrorType =
  'invalid_request_error' | 'authentication_error' | 'permission_error' | 'rate_limit_error' | 'server_error';

export interface ApiErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: ApiErrorType;
    readonly param: string | null;
    readonly code: string | null;
  };
}

export interface ApiErrorOptions {
  readonly type?: ApiErrorType;
  /** The field at fault. */
  readonly param?: string;
  readonly code?: string;
  readonly cause?: unknown;
}

export class ApiError extends GadflyError {
  readonly status: number;
  readonly body: ApiErrorBody;

  constructor(
    status: number,
    message: string,
    { type = 'invalid_request_error', param, code, cause }: ApiErrorOptions = {},
  ) {
    super('api', message, { ...(param === undefined ? {} : { where: param }), cause });
    this.status = status;
    this.body = { error: { message, type, param: param ?? null, code: code ?? null } };
  }
}

/** A request that asks for what cannot be done. */
export function badRequest(message: string, param?: string, code?: string): ApiError {
  return new ApiError(400, message, {
    ...(param === undefined ? {} : { param }),
    ...(code === undefined ? {} : { code }),
  });
}

/** Whatever was thrown: our refusals of a request are the client's fault, the rest is the server's. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof ConfigError) return new ApiError(400, message, { cause: error });
  return new ApiError(500, message, { type: 'server_error', cause: error });
}
