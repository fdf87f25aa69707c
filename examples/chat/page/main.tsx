import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import "./page.css";
import { createRoom } from "./room.ts";

const room = await createRoom(location, sessionStorage);
const place = document.getElementById("page");
if (place !== null) {
  createRoot(place).render(
    <StrictMode>
      <App room={room} />
    </StrictMode>,
  );
}
