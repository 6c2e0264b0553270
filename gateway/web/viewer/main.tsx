// Entry of the live page. Renders at most once per animation frame (H1), however many frames arrive.
import { options, render } from "preact";
import { App } from "./app.tsx";
import { paddleIcon } from "./paddle-icon.ts";
import "./base.css";
import "./price.css";
import "./list.css";
import "./auction.css";
import "./bidding.css";
import "./narrow.css";

options.debounceRendering = requestAnimationFrame;

const page = document.getElementById("page");
const icon = document.querySelector<HTMLLinkElement>("link[rel=icon]");
if (icon !== null) icon.href = paddleIcon("");
if (page !== null) render(<App />, page);
