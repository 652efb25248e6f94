;;! opt
(module
  (func (export "f") 
    (loop $l (br $l))))
