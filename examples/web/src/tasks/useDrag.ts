import { type KeyboardEvent, type PointerEvent, type RefObject, useRef, useState } from "react";
import { flushSync } from "react-dom";

const STEPS: Partial<Record<string, number>> = { ArrowUp: -1, ArrowDown: 1 };

export type Marker = "dragged" | "above" | "below" | undefined;

/** The events of a handle that moves a row: dragging with any pointer, and the arrow keys. */
export interface Handle {
  onPointerDown: (event: PointerEvent<HTMLElement>) => void;
  onPointerMove: (event: PointerEvent<HTMLElement>) => void;
  onPointerUp: () => void;
  onPointerCancel: () => void;
  onKeyDown: (event: KeyboardEvent<HTMLElement>) => void;
}

interface Drag {
  list: RefObject<HTMLOListElement | null>;
  handle: (index: number) => Handle;
  /** Where a row shows that it is dragged, or that the dragged row will be put above or below it. */
  marker: (index: number) => Marker;
}

/** Lets the user move the rows of a list. Calls `move` with the old and the new position of a row. */
export function useDrag(move: (from: number, to: number) => void): Drag {
  const list = useRef<HTMLOListElement>(null);
  const [drag, setDrag] = useState<{ from: number; to: number }>();

  function handle(index: number): Handle {
    return {
      onPointerDown(event) {
        event.currentTarget.setPointerCapture(event.pointerId);
        setDrag({ from: index, to: index });
      },
      onPointerMove(event) {
        if (!drag || !list.current) return;
        const to = positionAt(list.current, event.clientY, drag.from);
        list.current.children[to]?.scrollIntoView({ block: "nearest" });
        setDrag({ ...drag, to });
      },
      onPointerUp() {
        setDrag(undefined);
        if (drag) move(drag.from, drag.to);
      },
      onPointerCancel: () => setDrag(undefined),
      onKeyDown(event) {
        const step = STEPS[event.key];
        if (!step) return;
        event.preventDefault();
        const { currentTarget } = event;
        flushSync(() => move(index, index + step));
        currentTarget.focus(); // the browser takes the focus from a row that moves
      },
    };
  }

  function marker(index: number): Marker {
    if (!drag) return undefined;
    if (index === drag.from) return "dragged";
    if (index !== drag.to) return undefined;
    return drag.to < drag.from ? "above" : "below";
  }

  return { list, handle, marker };
}

/** Returns the position for a row that is dropped at a height: the number of other rows whose middle is above it. */
function positionAt(list: HTMLElement, y: number, from: number): number {
  const others = [...list.children].toSpliced(from, 1);
  return others.filter((row) => {
    const { top, height } = row.getBoundingClientRect();
    return top + height / 2 < y;
  }).length;
}
