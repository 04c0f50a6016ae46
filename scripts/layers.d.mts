export type Layers = {
  readonly read: number;
  readonly violations: readonly { readonly rule: string; readonly from: string; readonly to: string }[];
};
export function checkLayers(root: string): Promise<Layers>;
export function reportLayers(root: string): Promise<boolean>;
