import { notifications } from "@mantine/notifications";

/** Tells that something was done. */
export function notifyDone(message: string): void {
  notifications.show({ message, color: "brand", autoClose: 3500, role: "status" });
}

/** Tells that something failed; stays longer, since it has to be read. */
export function notifyFailed(title: string, message: string): void {
  notifications.show({ title, message, color: "red", autoClose: 9000, role: "alert" });
}
