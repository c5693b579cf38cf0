import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "./errors";

const RETRIES_MAX = 2;

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        retry: (failures, error) => failures < RETRIES_MAX && error instanceof ApiError && error.retryable,
      },
      mutations: { retry: false },
    },
  });
}

export const queryClient = createQueryClient();
