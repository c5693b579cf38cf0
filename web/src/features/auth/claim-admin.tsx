import { Button, Stack, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { useNavigate } from "react-router";
import { api } from "../../api/client";
import { messageOf } from "../../api/errors";
import { queryKeys } from "../../api/query-keys";
import type { ClaimAdmin as ClaimAdminBody, User } from "../../api/types";
import { forgetFragmentSecret } from "../../lib/fragment-secret";
import { notifyDone } from "../../lib/notify";
import { ErrorNotice } from "../../ui/error-notice";

/** Makes the logged-in user the administrator. */
export function ClaimAdmin({ user, token }: { user: User; token: string }): ReactElement {
  const client = useQueryClient();
  const navigate = useNavigate();
  const claim = useMutation({
    mutationFn: (body: ClaimAdminBody) => api.post<unknown>("/auth/claim-admin", body),
    onSuccess: async () => {
      forgetFragmentSecret("token");
      await client.invalidateQueries({ queryKey: queryKeys.me });
      notifyDone("You are the administrator now.");
      await navigate("/admin/users", { replace: true });
    },
  });
  return (
    <Stack gap="md">
      {claim.error && <ErrorNotice title="Nothing was changed" message={messageOf(claim.error)} />}
      <Text size="sm">
        You are logged in as <strong>{user.email}</strong>.
      </Text>
      <Button loading={claim.isPending} onClick={() => claim.mutate({ setup_token: token })}>
        Become the administrator
      </Button>
    </Stack>
  );
}
